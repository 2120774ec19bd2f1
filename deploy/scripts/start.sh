#!/bin/bash
# Start the services that have a container, or all of them where none has; nginx where it is turned on.
#
# booksync.service does so when the machine starts: images of the other services need not be here.
#
#     HEALTHY_SECONDS     how long they may take to be healthy (300)
set -Eeuo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/container.sh"
. "$here/env-file.sh"
. "$here/stack.sh"

find_services
names=("${present[@]}")
if ((${#names[@]})) && compose config --services | grep -x nginx >/dev/null; then names+=(nginx); fi
compose up --detach --wait --wait-timeout "$healthy_seconds" "${names[@]}"
