#!/bin/bash
# Go back to images that were in service before.
#
#     rollback.sh                      every service that runs to the release before (releases/)
#     rollback.sh auth-api             one service
#     rollback.sh auth-api IMAGE       one service to an image, e.g. booksync-api-auth:1.0.0
#
# A second rollback comes back. Data stay as they are: services run on a schema that a newer version has migrated, and
# restore.sh brings a backup back. Exit status as of deploy.sh.
set -Eeuo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
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
    local file current names asked
    find_services
    [[ -z $service ]] || active=("$service")
    current=$(list_images "${active[@]}") || fail "what runs now cannot be named, see above; nothing was changed"
    [[ -n $current ]] || fail "no service runs: name one; $usage"
    names=$(sed 's/^/^/; s/=.*/=/' <<<"$current")
    for file in $(printf '%s\n' "$releases"/[0-9]* | sort -r); do
        [[ -r $file ]] || continue
        # of a service that is stopped on purpose nothing is asked
        asked=$(grep "$names" "$file") || continue
        if grep -qvxF "$current" <<<"$asked"; then
            printf '%s\n' "$asked"
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
services=
for target in "${targets[@]}"; do
    image=$(pin "${target#*=}") || fail "${target#*=} cannot be had here or from a registry, see above; nothing was changed"
    changes+=("${target%%=*}=$image")
    say "$image"
    for name in "${SERVICES[@]}"; do
        [[ ${VARIABLES[$name]} != "${target%%=*}" ]] || services+=" $name"
    done
done

change_to "$services" "${changes[@]}"
say_last "in service and healthy"
