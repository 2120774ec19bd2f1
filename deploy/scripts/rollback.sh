#!/bin/bash
# Go back to images that were in service before.
#
#     rollback.sh                      every service to the release before (releases/)
#     rollback.sh auth-api             one service
#     rollback.sh auth-api IMAGE       one service to an image, e.g. booksync-api-auth:1.0.0
#
# A second rollback comes back. Data stay as they are: services run on a schema that a newer version has migrated, and
# restore.sh brings a backup back. Exit status as of deploy.sh.
set -Eeuo pipefail
here=${BASH_SOURCE[0]%/*}
. "$here/container.sh"
. "$here/env-file.sh"
. "$here/stack.sh"

usage="usage: rollback.sh [SERVICE [IMAGE]]"
[[ $# -le 2 && ${1:-} != -* ]] || fail "$usage"
service=${1:-}
image=${2:-}
[[ -z $service || -n ${VARIABLES[$service]:-} ]] || fail "no service $service: there are ${SERVICES[*]}; $usage"
[[ -z $image || $(service_of "$image") == "$service" ]] || fail "$image is no image of $service"
take_lock

# the newest release in which what is asked for is another one than now
find_release() {
    local file current pattern=${VARIABLES[${service:-none}]:-.*_IMAGE}
    current=$(list_running_images | grep "^$pattern=" | sort)
    for file in $(printf '%s\n' "$releases"/[0-9]* | sort -r); do
        [[ -r $file ]] || continue
        if [[ $(grep "^$pattern=" "$file" | sort) != "$current" ]]; then
            grep "^$pattern=" "$file"
            return
        fi
    done
    fail "$releases has no release before with other images${service:+ of $service}"
}

if [[ -n $image ]]; then
    targets=("${VARIABLES[$service]}=$image")
else
    found=$(find_release)
    mapfile -t targets <<<"$found"
fi

changes=()
for target in "${targets[@]}"; do
    image=$(pin "${target#*=}") || fail "${target#*=} cannot be had here or from a registry, see above; nothing was changed"
    changes+=("${target%%=*}=$image")
    say "$image"
done

change_to "$service" "${changes[@]}"
say "in service and healthy"
