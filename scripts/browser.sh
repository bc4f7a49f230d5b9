#!/usr/bin/env bash
# Prints the command of a Chromium for the tests to drive, and installs one if there is none.
#
# The first of these that answers to --version:
#   1. what $COMETARY_BROWSER names
#   2. a Chromium or Chrome on PATH
#   3. the one unpacked here earlier (see 5)
#   4. Debian's, installed as root or through a sudo that asks for no password
#   5. the one inside an npm package, unpacked into .cache/ (needs no rights at all)
#
# Only the command goes to standard output; what the installers say goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
unpacked="$root/.cache/chromium"

answers() {
    [[ -n "$1" ]] && "$1" --version >/dev/null 2>&1
}

print_if_it_answers() {
    if answers "$1"; then
        command -v "$1"
        exit 0
    fi
}

unpack_from_npm() {
    local package="$root/scripts/packaged-browser/node_modules/@sparticuz/chromium/bin" half="$unpacked.partial"
    (cd "$root/scripts/packaged-browser" && npm ci --workspaces=false)
    rm -rf "$half"
    mkdir -p "$half/fonts"
    decompress <"$package/chromium.br" >"$half/chromium"
    decompress <"$package/al2023.tar.br" | tar -x -C "$half" # the libraries it links to, in lib/
    decompress <"$package/fonts.tar.br" | tar -x -C "$half/fonts"
    echo "<fontconfig><dir>$unpacked/fonts</dir></fontconfig>" >"$half/fonts/fonts.conf"
    cat >"$half/chromium.sh" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_FILE="$here/fonts/fonts.conf"
exec "$here/chromium" "$@"
WRAPPER
    chmod +x "$half/chromium" "$half/chromium.sh"
    rm -rf "$unpacked"
    mv "$half" "$unpacked" # whole or not at all: an interrupted run leaves nothing that looks finished
}

decompress() {
    node -e 'process.stdin.pipe(require("node:zlib").createBrotliDecompress()).pipe(process.stdout)'
}

print_if_it_answers "${COMETARY_BROWSER:-}"
for command in chromium chromium-browser google-chrome; do
    print_if_it_answers "$command"
done
print_if_it_answers "$unpacked/chromium.sh"

echo "No Chromium on PATH: installing one for the tests." >&2
if "$root/scripts/debian.sh" chromium >&2; then
    print_if_it_answers chromium
fi
if unpack_from_npm >&2; then
    print_if_it_answers "$unpacked/chromium.sh"
fi
echo "No Chromium could be found or installed. Install one, or name it: COMETARY_BROWSER=/path/to/chromium" >&2
exit 1
