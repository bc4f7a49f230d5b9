#!/bin/sh
# run.sh PORT [WORKERS]   (Debian: nginx-light libnginx-mod-nchan)
# BENCH_DIR is where nginx keeps its configuration, logs and temporary files.
here=$(cd "$(dirname "$0")" && pwd)
dir=${BENCH_DIR:-$(mktemp -d)}
chmod 755 "$dir"
sed "s,@PORT@,$1,; s,@WORKERS@,${2:-1},; s,@DIR@,$dir,g" "$here/nginx.conf.in" > "$dir/nginx.conf"
exec nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
