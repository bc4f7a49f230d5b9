#!/usr/bin/env bash
# Installs packages of Debian's, as root or through a sudo that asks for no password: scripts/debian.sh PACKAGE...
set -euo pipefail

as_root=()
command -v apt-get >/dev/null
if [[ $(id -u) -ne 0 ]]; then
    sudo -n true 2>/dev/null
    as_root=(sudo -n)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
