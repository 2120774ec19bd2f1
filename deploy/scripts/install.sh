#!/bin/bash
# Lay BookSync out on a server, or bring the files of an installation up to date.
#
#     install.sh [DIRECTORY]           default: /srv/booksync
#
# Makes the folders, copies the compose file, nginx.conf, init-db.sql, the scripts and monitoring/, makes .env from
# .env.example and the secrets where there are none, and, where systemd runs, installs booksync.service, for the next boot,
# and booksync-backup.timer, which begins at once. Starts no container. A file that is not the one that takes its place is
# kept as NAME.old; what had that name, as NAME.old.~1~ and so on.
set -Eeuo pipefail
umask 022
source=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

[[ $# -le 1 && ${1:-} != -* ]] || fail "usage: install.sh [DIRECTORY]"
[[ $(id -u) == 0 ]] || fail "run it as root: it makes secrets for the users of the containers"
directory=${1:-/srv/booksync}
# in the units
[[ $directory =~ ^/[A-Za-z0-9/._-]+$ ]] || fail "$directory: expected an absolute path of plain characters"
[[ ! $directory -ef $source ]] || fail "$directory is the folder that this is installed from"

replaced=()

# $1: what is where another one goes
keep() {
    # what an operator has edited may be in an older one
    mv --backup=numbered --no-target-directory "$1" "$1.old"
    say "$1 differed from the new one: it is kept as ${1##*/}.old"
    replaced+=("$1")
}

# $1: a file, $2: its place, $3: its mode
place() {
    if [[ -e $2 ]] && ! cmp -s "$1" "$2"; then keep "$2"; fi
    install -m "$3" "$1" "$2"
}

install -d -m 755 "$directory" "$directory/nginx" "$directory/nginx/tls" "$directory/scripts" \
    "$directory/monitoring"
install -d -m 700 "$directory/backups" "$directory/releases"
place "$source/compose.prod.yaml" "$directory/docker-compose.prod.yml" 644
# so that the guide's shorter lines are about production here
link=$directory/docker-compose.yml
if [[ -e $link || -L $link ]] && [[ $(readlink "$link") != docker-compose.prod.yml ]]; then keep "$link"; fi
ln -sfn docker-compose.prod.yml "$link"
place "$source/nginx/nginx.conf" "$directory/nginx/nginx.conf" 644
for file in "$source"/monitoring/*; do
    place "$file" "$directory/monitoring/${file##*/}" 644
done
place "$source/init-db.sql" "$directory/init-db.sql" 644
for script in "$source"/scripts/*.sh; do
    # these are of a checkout
    case ${script##*/} in install.sh | build-all.sh) continue ;; esac
    place "$script" "$directory/scripts/${script##*/}" 755
done
[[ -e $directory/.env ]] || install -m 600 "$source/.env.example" "$directory/.env"
"$directory/scripts/secrets.sh" "$directory"

if [[ -d /run/systemd/system ]]; then
    unit=$(mktemp)
    trap 'rm -f "$unit"' EXIT
    for file in "$source"/systemd/*; do
        sed "s|/srv/booksync|$directory|g" "$file" >"$unit"
        place "$unit" "/etc/systemd/system/${file##*/}" 644
    done
    systemctl daemon-reload
    systemctl enable booksync.service
    systemctl enable --now booksync-backup.timer
fi
# a container that runs goes on with the file that it was started with
[[ " ${replaced[*]} " != *" $directory/nginx/nginx.conf "* ]] ||
    say "nginx.conf is a new one: if nginx is in use, ${CONTAINER_ENGINE:-docker} restart booksync-nginx"
say "$directory is laid out; now look at $directory/.env, then: $directory/scripts/deploy.sh"
