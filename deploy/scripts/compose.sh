#!/bin/bash
# Compose with production's file, wherever it is called from: `compose.sh ps`, `compose.sh up --detach`.
#
#     CONTAINER_ENGINE    default: docker; `docker compose` where there is one, else docker-compose
set -Eeuo pipefail
directory=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
engine=${CONTAINER_ENGINE:-docker}

command=("$engine" compose)
"${command[@]}" version >/dev/null 2>&1 || command=("$engine-compose")

file=$directory/docker-compose.prod.yml
# in a checkout it has another name
[[ -e $file ]] || file=$directory/compose.prod.yaml
exec "${command[@]}" --project-directory "$directory" --file "$file" "$@"
