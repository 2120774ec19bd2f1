#!/bin/bash
# Stands in for docker and its compose. Images are files of /engine/images and /engine/registry by name, with / as %:
# a line with their id, how they do once they run, and their name by digest, if they have one. Containers are files of
# /engine/containers with the image's name and its id; nginx is one more where .env has COMPOSE_PROFILES=nginx. The volume is
# /engine/volume, whether memory can be limited is in /engine/memory-limit. With /engine/exec-fails nothing can be executed
# while a container is stuck. What was called is in /engine/calls.
set -eu
printf '%s\n' "$*" >>/engine/calls

place() { printf '/engine/%s/%s' "$1" "${2//\//%}"; }
no_such() {
    printf 'Error: No such %s\n' "$*" >&2
    exit 1
}

# what .env says, as compose would read it
value() { sed -n "s/^$1=//p" /srv/booksync/.env | tail -n 1; }
image() {
    local found
    case $1 in
        postgres) found=$(value POSTGRES_IMAGE) && echo "${found:-booksync-postgres:latest}" ;;
        auth-api) found=$(value AUTH_IMAGE) && echo "${found:-booksync-api-auth:latest}" ;;
        data-api) found=$(value DATA_IMAGE) && echo "${found:-booksync-api-data:latest}" ;;
        prediction-api) found=$(value PREDICTION_IMAGE) && echo "${found:-booksync-api-prediction:latest-onnx}" ;;
        nginx) echo nginx:stable-alpine ;;
    esac
}
container() {
    case $1 in
        postgres) echo booksync-postgres ;;
        auth-api) echo booksync_auth_api ;;
        nginx) echo booksync-nginx ;;
        *) echo "booksync-api-${1%-api}" ;;
    esac
}

up() {
    local services=() service id health rest failed=0 is_started=yes
    while (($#)); do
        case $1 in
            --wait-timeout) shift ;;
            --no-start) is_started=no ;;
            -*) ;;
            *) services+=("$1") ;;
        esac
        shift
    done
    if ((${#services[@]} == 0)); then
        services=(postgres auth-api data-api prediction-api)
        [[ $(value COMPOSE_PROFILES) != nginx ]] || services+=(nginx)
    fi
    for service in "${services[@]}"; do
        [[ -e $(place images "$(image "$service")") ]] || no_such "image: $(image "$service")"
        read -r id health rest <"$(place images "$(image "$service")")"
        [[ $is_started == yes ]] || health=stopped
        printf '%s %s %s\n' "$(image "$service")" "$id" "$health" >"/engine/containers/$(container "$service")"
        [[ $service != postgres ]] || touch /engine/volume
        [[ $health == healthy || $health == stopped ]] || failed=1
        # as one that does not end by itself
        [[ $health != hangs ]] || sleep 60
    done
    return "$failed"
}

# rm with its options, or stop; and services
take_down() {
    local service file
    for service; do
        [[ $service != --* ]] || continue
        file=/engine/containers/$(container "$service")
        if [[ $1 == --stop ]]; then rm "$file"; else sed -i 's/[^ ]*$/stopped/' "$file"; fi
    done
}

compose() {
    while [[ $1 == --* ]]; do shift 2; done
    case $1 in
        up) shift && up "$@" ;;
        logs) echo "the last words of ${!#}" ;;
        config)
            if grep -q '^BROKEN=' /srv/booksync/.env; then return 1; fi
            [[ ${2:-} != --services ]] || printf '%s\n' postgres auth-api data-api prediction-api
            [[ ${2:-} != --services || $(value COMPOSE_PROFILES) != nginx ]] || echo nginx
            ;;
        rm | stop) shift && take_down "$@" ;;
    esac
}

# of a container
inspect() {
    local name id health
    [[ -e /engine/containers/${!#} ]] || no_such "container: ${!#}"
    read -r name id health <"/engine/containers/${!#}"
    case ${2:-} in
        *Config.Image*) echo "$name" ;;
        *Running*) if [[ $health == stopped ]]; then echo false; else echo true; fi ;;
        *Health*) echo "running $health" ;;
        *Image*) echo "$id" ;;
    esac
}

image_inspect() {
    local file id health digest=
    file=$(place images "${!#}")
    # an id will do as well
    [[ -e $file ]] || file=$(grep -l "^${!#} " /engine/images/* | head -n 1) || no_such "image: ${!#}"
    read -r id health digest <"$file"
    case $* in
        *RepoDigests*) [[ -z $digest ]] || echo "$digest" ;;
        *) echo "$id" ;;
    esac
}

case $1 in
    compose) shift && compose "$@" ;;
    container) shift 2 && inspect "$@" ;;
    image) shift 2 && image_inspect "$@" ;;
    # without it as podman
    info) cat /engine/memory-limit 2>/dev/null || no_such "field: ${!#}" ;;
    volume) [[ -e /engine/volume ]] || no_such "volume: ${!#}" ;;
    pull)
        [[ -e $(place registry "${!#}") ]] || no_such "manifest: ${!#}"
        read -r _ _ digest <"$(place registry "${!#}")"
        for name in "${!#}" "$digest"; do cp "$(place registry "${!#}")" "$(place images "$name")"; done
        ;;
    tag)
        source=$(place images "$2")
        # an id will do as well
        [[ -e $source ]] || source=$(grep -l "^$2 " /engine/images/* | head -n 1)
        [[ $source -ef $(place images "$3") ]] || cp "$source" "$(place images "$3")"
        ;;
    exec)
        if [[ -e /engine/exec-fails ]] && grep -q stuck /engine/containers/*; then no_such container; fi
        if [[ $* == *psql* ]]; then cat >>/engine/sql; else printf family; fi
        ;;
esac
