#!/usr/bin/env bash
# Prints the first Python on PATH that the project runs on (3.11 or newer, with venv and pip).
set -euo pipefail

for candidate in python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "No Python 3.11 or newer with its venv module was found on PATH; name one: make PYTHON=/path/to/python3" >&2
exit 1
