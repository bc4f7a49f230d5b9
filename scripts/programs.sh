#!/usr/bin/env bash
# Installs the programs that tests run, those that are missing: interpreters of the other languages that examples are
# written in, Prometheus, which reads the metrics, Prosody, the XMPP server behind BOSH, Redis, by which nodes are
# joined, and sshd, by which operators reach the prompt.
set -euo pipefail

missing=()
command -v php >/dev/null || missing+=(php-cli)
command -v ruby >/dev/null || missing+=(ruby)
command -v prometheus >/dev/null || missing+=(prometheus)
command -v prosody >/dev/null || missing+=(prosody)
command -v redis-server >/dev/null || missing+=(redis-server)
[[ -x /usr/sbin/sshd ]] || missing+=(openssh-server)
command -v ssh >/dev/null || missing+=(openssh-client)
[[ ${#missing[@]} -eq 0 ]] && exit 0

echo "Installing ${missing[*]} for the tests." >&2
if ! "$(dirname "${BASH_SOURCE[0]}")/debian.sh" "${missing[@]}" >&2; then
    echo "They could not be installed. Install ${missing[*]}: the tests run the examples in them, and the server with them." >&2
    exit 1
fi
