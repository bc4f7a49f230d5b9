#!/bin/sh
# run.sh PORT [freeze]   (PYTHON names an interpreter with what requirements.txt lists)
cd "$(dirname "$0")" && exec "${PYTHON:-python3}" app.py "$@"
