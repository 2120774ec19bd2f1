# shellcheck shell=bash
# shellcheck disable=SC2154 # container.sh sets engine and database
# How deploy.sh and rollback.sh change the images of the stack: sourced by them, after container.sh and env-file.sh.
#
#     HEALTHY_SECONDS     how long the containers may take to be healthy (default: 300; above the compose file's start_period
#                         the engine's own checks decide)
#
# A release is a file of releases/ with one line an image, as .env has it, for each service that has a container. Every line
# of them names exactly one image: by digest when it came from a registry, else by a tag made of its id.

directory=$(CDPATH='' cd -- "${here:?}/.." && pwd)
env_file=$directory/.env
releases=$directory/releases
healthy_seconds=${HEALTHY_SECONDS:-300}

# the order in which they are started
readonly SERVICES=(postgres auth-api data-api prediction-api)
declare -rA VARIABLES=(
    [postgres]=POSTGRES_IMAGE [auth-api]=AUTH_IMAGE [data-api]=DATA_IMAGE [prediction-api]=PREDICTION_IMAGE
)
declare -rA CONTAINERS=(
    [postgres]=booksync-postgres [auth-api]=booksync_auth_api [data-api]=booksync-api-data
    [prediction-api]=booksync-api-prediction [nginx]=booksync-nginx
)
# shellcheck disable=SC2034 # deploy.sh reads it
readonly VOLUME=booksync_pgdata # of the database
declare -rA REPOSITORIES=(
    [booksync-postgres]=postgres [booksync-api-auth]=auth-api [booksync-api-data]=data-api
    [booksync-api-prediction]=prediction-api
)

compose() { CONTAINER_ENGINE=$engine "$here/compose.sh" --ansi never "$@"; }

# one at a time; the lock ends with the process
take_lock() {
    exec 9>"$directory/.lock"
    flock -n 9 || fail "another deploy.sh or rollback.sh is at work in $directory"
}

# $1: a reference; without tag and digest
repository_of() {
    local name=${1%%@*}
    # a colon before the last slash is a registry's port
    [[ ${name##*/} != *:* ]] || name=${name%:*}
    printf '%s' "$name"
}

# $1: a reference; the service that its image is of
service_of() {
    local repository
    repository=$(repository_of "$1")
    printf '%s' "${REPOSITORIES[${repository##*/}]:-}"
}

# $1: a service; the image that .env has for it, or compose.prod.yaml's default
image_of() {
    local image
    image=$(read_env_file "$env_file" "${VARIABLES[$1]}")
    case $1 in
        postgres) image=${image:-booksync-postgres:latest} ;;
        prediction-api) image=${image:-booksync-api-prediction:latest-onnx} ;;
        *) image=${image:-booksync-api-${1%-api}:latest} ;;
    esac
    printf '%s' "$image"
}

# $1: a reference, $2: an image's id; print a name that stays with this image, and give it to it
name_by_id() {
    local name
    name=$(repository_of "$1"):id-$(cut -c 1-12 <<<"${2#sha256:}")
    "$engine" tag "$2" "$name" && printf '%s' "$name"
}

# $1: a reference, $2: an image's id; print its name by digest, where the reference's registry gave it one, or else by id
name_for_good() {
    local repository name
    repository=$(repository_of "$1")
    while read -r name; do
        # without a registry it is what some engines give to each image that is loaded, and ends with its tag
        [[ $repository == */* && $name == "$repository@"* ]] || continue
        printf '%s' "$name"
        return
    done < <("$engine" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$2")
    name_by_id "$1" "$2"
}

# $1: a reference; have the image here, and print the name that is this image's alone
pin() {
    local id
    if [[ $1 == *@sha256:* ]]; then
        "$engine" image inspect "$1" >/dev/null 2>&1 || "$engine" pull --quiet "$1" >&2 || return
        printf '%s' "$1"
        return
    fi
    # this machine has made it, and no registry knows it
    if [[ $1 == *:id-* ]] && "$engine" image inspect "$1" >/dev/null 2>&1; then
        printf '%s' "$1"
        return
    fi
    # a name without a registry is of this machine alone, as `nix run .#load` makes it
    [[ $1 != */* ]] || "$engine" pull --quiet "$1" >&2 || return
    id=$("$engine" image inspect --format '{{.Id}}' "$1") || return
    name_for_good "$1" "$id"
}

# $1: a service; what runs now under a name that stays, or what .env has where nothing runs
running_image_of() {
    local name id
    name=$("$engine" container inspect --format '{{.Config.Image}}' "${CONTAINERS[$1]}" 2>/dev/null) || name=
    case $name in
        '') image_of "$1" ;;
        *@sha256:* | *:id-*) printf '%s' "$name" ;;
        *)
            id=$("$engine" container inspect --format '{{.Image}}' "${CONTAINERS[$1]}") || return
            name_for_good "$name" "$id"
            ;;
    esac
}

# the services that have a container, and those of them that run: a server need not have all four
find_services() {
    local service is_running
    present=()
    active=()
    for service in "${SERVICES[@]}"; do
        is_running=$("$engine" container inspect --format '{{.State.Running}}' "${CONTAINERS[$service]}" 2>/dev/null) || continue
        present+=("$service")
        [[ $is_running != true ]] || active+=("$service")
    done
}

# $@: services; NAME=VALUE for each
list_images() {
    local service image
    for service; do
        image=$(running_image_of "$service") || return
        printf '%s=%s\n' "${VARIABLES[$service]}" "$image"
    done
}

# $1: NAME=VALUE, a line each
record_release() {
    printf '%s\n' "$1" >"$releases/.partial" && sync "$releases/.partial" || return
    local name
    until
        name=$releases/$(date -u +%Y%m%dT%H%M%SZ)
        [[ ! -e $name ]]
    do
        sleep 1
    done
    mv "$releases/.partial" "$name"
}

# what a mistake left is said before it is undone
show_what_is_wrong() {
    local service state
    for service in "${SERVICES[@]}" nginx; do
        state=$("$engine" container inspect --format '{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}' \
            "${CONTAINERS[$service]}" 2>/dev/null) || continue
        [[ $state != "running healthy" ]] || continue
        say "$service: $state"
        compose logs --no-color --no-log-prefix --tail 20 "$service" >&2 || true
    done
}

# $@: services, or none for all; start what .env says, the database first: roles and passwords follow the secrets
start() {
    compose up --detach --wait --wait-timeout "$healthy_seconds" "${up_options[@]}" postgres >&2 || return
    find_database || return
    run_sql "$database" <"$here/../init-db.sql" >&2 || return
    compose up --detach --wait --wait-timeout "$healthy_seconds" "${up_options[@]}" "$@" >&2
}
up_options=()

# what ran runs again, what was stopped is stopped, and what was not there goes: stopped alone it would start with the machine
restore_services() {
    local service new=() idle=()
    for service in "${SERVICES[@]}"; do
        if [[ " ${present[*]} " != *" $service "* ]]; then
            ! "$engine" container inspect "${CONTAINERS[$service]}" >/dev/null 2>&1 || new+=("$service")
        elif [[ " ${active[*]} " != *" $service "* ]]; then
            idle+=("$service")
        fi
    done
    if ((${#new[@]})); then
        compose rm --stop --force "${new[@]}" >&2 || return
        say "removed, as there was none before: ${new[*]}"
    fi
    if ((${#idle[@]})); then
        compose up --no-start --no-deps "${idle[@]}" >&2 && compose stop "${idle[@]}" >&2 || return
    fi
    ((${#active[@]} == 0)) || start "${active[@]}"
}

undo() {
    [[ -e $env_file.before ]] || return 0
    # a second ^C does not leave it half done, and nobody may be there any more to read what it says, nor room to write it
    trap '' INT TERM HUP
    set +e
    say "going back to what was there before" || exec 2>>"$directory/deploy.log"
    if ! mv "$env_file.before" "$env_file" || ! restore_services; then
        show_what_is_wrong
        say "going back failed as well: mend what is said above, then $here/deploy.sh --no-backup"
        exit 3
    elif ((${#active[@]} == 0)); then
        say "no service ran before, and none runs now: mend what is said above, then $here/deploy.sh --no-backup"
    # nginx where it is turned on, which may be what failed; to name it alone would turn it on
    elif compose config --services | grep -x nginx >/dev/null &&
        ! compose up --detach --wait --wait-timeout "$healthy_seconds" nginx >&2; then
        show_what_is_wrong
        say "the services are healthy again, as they were; nginx is not, see above"
    else
        say "the stack is healthy again, as it was"
    fi
}

# when the images are in service they are so whether or not somebody still listens
say_last() { say "$@" || true; }

# $1: services, separated by spaces, or nothing for all; $@: NAME=VALUE of images: change to them, or to nothing
change_to() {
    local services=$1 images before=()
    shift
    mkdir -p "$releases"
    find_services
    images=$(list_images "${present[@]}") || fail "what runs now cannot be named, see above; nothing was changed"
    [[ -z $images ]] || mapfile -t before <<<"$images"
    # what was started by hand is what a rollback leads to
    [[ -n $(ls "$releases") || -z $images ]] || record_release "$images"
    # now, and not when a disk may be full
    copy_env_file "$env_file" "$env_file.before" "${before[@]}"
    trap undo EXIT
    # who reads along may go: the first line that cannot be written ends this in order
    trap '' PIPE
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    [[ $# == 0 ]] || write_env_file "$env_file" "$@"
    # shellcheck disable=SC2086 # they are words
    if ! start $services; then
        show_what_is_wrong
        fail "the stack is not healthy with $*"
    fi
    # it is in service, and ^C is too late to mean anything else
    trap '' INT TERM HUP
    rm "$env_file.before"
    find_services
    # not what .env says: a service that was started by hand has no line there, or a name that moves
    { images=$(list_images "${present[@]}") && record_release "$images"; } ||
        say_last "this release cannot be written into $releases, see above: rollback.sh will not lead back to it"
}
