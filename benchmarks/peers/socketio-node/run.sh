#!/bin/sh
# run.sh PORT   (after `npm ci` here)
cd "$(dirname "$0")" && NODE_ENV=production exec node server.js "$1"
