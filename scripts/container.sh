#!/usr/bin/env bash
# Builds the image and runs it with Docker Compose, as docs/how-to/services.md says: one server, and then three nodes
# behind HAProxy. Sees whether clients get through, and whether the command line in it finds its server.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
examples=cometary/examples/deployment
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Make the directory of the guide, go there, and run the services in it; the first of them is asked.
try() {
    local name="$1" from="$2" asked="$3"
    shift 2
    mkdir "$work/$name"
    cd "$work/$name"
    git clone --quiet "$root" cometary
    cp -r "$examples"/{Dockerfile,.dockerignore,chat.py,prometheus-secrets} .
    cp -r "$examples/$from"/{compose.yml,conf} .
    cp -r cometary/examples/monitoring .
    [[ -d "$examples/$from/haproxy" ]] && cp -r "$examples/$from/haproxy" .
    if docker compose up --detach --build --wait "$@" &&
        curl --fail --silent --show-error --retry 20 --retry-delay 1 --retry-all-errors \
            --output /dev/null http://127.0.0.1:8080/comet.js &&
        docker compose exec -T "$asked" cometary check-config &&
        docker compose exec -T "$asked" cometary sessions; then
        docker compose down --volumes
    else
        docker compose logs --no-color >&2
        docker compose down --volumes
        exit 1
    fi
}

try one . push
try three nodes/containers node-a node-b node-c proxy
