#!/bin/sh
# run.sh PORT   (BENCH_FLOOR names the binary made from load/floor.c)
exec "$BENCH_FLOOR" "$1"
