#!/bin/bash
# Stands in for docker: `exec [-i] CONTAINER COMMAND` with the environment that the container would have.
set -eu
[[ $1 == exec ]] || { echo "no such command: $1" >&2; exit 64; }
shift
[[ $1 != -i ]] || shift
container=$1
shift
[[ -r /tmp/containers/$container ]] || { echo "Error: No such container: $container" >&2; exit 1; }
mapfile -t environment <"/tmp/containers/$container"
exec env -i "PATH=$PATH" "${environment[@]}" "$@"
