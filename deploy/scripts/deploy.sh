#!/bin/bash
# Bring new images into service, and go back by itself when they are not healthy.
#
#     deploy.sh [--no-backup] [--recreate] [IMAGE | SERVICE]...
#
#     deploy.sh registry.example:5000/family/booksync-api-auth@sha256:...      as `nix run .#push` prints it
#     deploy.sh booksync-api-auth:latest                                       as `nix run .#load` names it
#     deploy.sh auth-api                                                       what .env has for it
#     deploy.sh                                                                what .env has for all
#     nix run .#push -- REGISTRY auth data | ssh SERVER /srv/booksync/scripts/deploy.sh -     one image a line
#
# Has every image here, by digest, before anything changes; saves the database, which has to run for that, into backups/
# (backup.sh); writes the images into .env; starts what has changed; and waits until every container is healthy. When that
# fails, or is interrupted, the images that ran before are started again, and a service that had no container has none again.
# Migrations are not taken back: services run on a newer schema.
#
#     --recreate          make every container anew, as for a secret that has changed
#     HEALTHY_SECONDS     how long they may take (300)
#
# Exit status: 0 the new images are in service; 1, or 129, 130 and 143 when interrupted: what ran before is (the last line says
# whether nginx runs); 3: nor is that.
set -Eeuo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/container.sh"
. "$here/env-file.sh"
. "$here/stack.sh"

backup=yes
words=()
for argument; do
    case $argument in
        --no-backup) backup=no ;;
        --recreate) up_options=(--force-recreate) ;;
        --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;;
        -)
            # the last one may have no end
            while read -r line || [[ -n $line ]]; do [[ -z $line ]] || words+=("$line"); done
            # without a word it would be all of them
            ((${#words[@]})) || fail "no image came on standard input; nothing was changed"
            ;;
        -*) fail "unknown argument $argument; usage: deploy.sh [--no-backup] [--recreate] [IMAGE | SERVICE]..." ;;
        *) words+=("$argument") ;;
    esac
done

# service -> the image that is wanted
declare -A wanted=()
for word in "${words[@]}"; do
    if [[ -n ${VARIABLES[$word]:-} ]]; then
        service=$word image=$(image_of "$word")
    else
        service=$(service_of "$word") image=$word
        [[ -n $service ]] ||
            fail "$word is neither a service (${SERVICES[*]}) nor an image of one (${!REPOSITORIES[*]})"
    fi
    [[ -z ${wanted[$service]:-} ]] || fail "two images for $service: ${wanted[$service]} and $image"
    wanted[$service]=$image
done
services=${!wanted[*]}
if ((${#wanted[@]} == 0)); then
    for service in "${SERVICES[@]}"; do wanted[$service]=$(image_of "$service"); done
fi

take_lock
[[ -r $env_file ]] || fail "$env_file cannot be read: run this as root; where there is none, install.sh makes it"
[[ -s $directory/secrets/jwt_secret_key ]] || fail "$directory/secrets/jwt_secret_key cannot be read or is empty: run this as root, or secrets.sh first"
compose config --quiet || fail "the compose file or .env is wrong, see above; nothing was changed"

changes=()
for service in "${!wanted[@]}"; do
    image=$(pin "${wanted[$service]}") || fail "${wanted[$service]} cannot be had here or from a registry, see above; nothing was changed"
    changes+=("${VARIABLES[$service]}=$image")
    say "$service: $image"
done

# podman has no such field
[[ $("$engine" info --format '{{.MemoryLimit}}' 2>/dev/null) != false ]] ||
    say "this machine limits no container's memory: add cgroup_enable=memory to /boot/firmware/cmdline.txt and reboot"

is_running=$("$engine" container inspect --format '{{.State.Running}}' "${CONTAINERS[postgres]}" 2>/dev/null) || is_running=false
if [[ $backup == yes && $is_running != true ]] && "$engine" volume inspect "$VOLUME" >/dev/null 2>&1; then
    fail "${CONTAINERS[postgres]} does not run, so that its data cannot be saved; nothing was changed. Start it" \
        "($here/compose.sh up --detach --wait postgres), or leave the backup out with --no-backup"
elif [[ $backup == yes && $is_running == true ]]; then
    JWT_SECRET_KEY_FILE=$directory/secrets/jwt_secret_key CREDENTIALS_KEY_FILE=$directory/secrets/credentials_key \
        "$here/backup.sh" "$directory/backups" >&2 || fail "the backup failed, see above; nothing was changed. To deploy without one: --no-backup"
fi

change_to "$services" "${changes[@]}"
say_last "in service and healthy"
printf '%s\n' "${changes[@]#*=}" || true
