#!/bin/sh
# run.sh PORT FILE   (PYTHON names an interpreter with what requirements.txt lists)
cd "$(dirname "$0")" && exec "${PYTHON:-python3}" -O "$2" "$1"
