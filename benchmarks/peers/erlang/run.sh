#!/bin/sh
# run.sh PORT [SCHEDULERS]   (Debian: erlang-base erlang-crypto erlang-inets erlang-mochiweb erlang-jiffy)
# BENCH_DIR is where the compiled module goes. Schedulers do not spin while they wait: spinning would
# be charged to the server as CPU time that serves nobody.
cd "$(dirname "$0")" || exit 1
out=${BENCH_DIR:-.}
erlc -o "$out" comet.erl || exit 1
export ERL_CRASH_DUMP=/dev/null
exec erl +S "${2:-1}:${2:-1}" +sbwt none +sbwtdcpu none +sbwtdio none +P 1000000 +Q 65536 \
    -noshell -pa "$out" -s comet main "$1"
