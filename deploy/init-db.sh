#!/bin/bash
# Prepare a database for BookSync, or repair one: init-db.sql beside this file says what that is.
#
#     docker exec booksync-postgres /usr/local/share/booksync/init-db.sh --dry-run
#     docker exec booksync-postgres /usr/local/share/booksync/init-db.sh
#
# Honours POSTGRES_USER and POSTGRES_DB (or _FILE) as the container has them, and psql's own PGHOST, PGPORT, PGPASSWORD.
set -Eeuo pipefail

usage="usage: init-db.sh [--dry-run]"
dry_run=off
case ${1:-} in
    '') ;;
    --dry-run) dry_run=on ;;
    --help) printf '%s\n' "$usage" && exit ;;
    *) printf 'init-db.sh: unknown argument %s\n%s\n' "$1" "$usage" >&2 && exit 2 ;;
esac

# NAME or what is in the file that NAME_FILE names, else a default
setting() {
    local name=$1 file_name=$1_FILE
    if [[ -n ${!name:-} ]]; then
        printf '%s' "${!name}"
    elif [[ -n ${!file_name:-} ]]; then
        printf '%s' "$(<"${!file_name}")"
    else
        printf '%s' "$2"
    fi
}

user=$(setting POSTGRES_USER postgres)
database=$(setting POSTGRES_DB "$user")
exec psql --no-psqlrc --quiet --no-password --username="$user" --dbname="$database" \
    --set=dry_run="$dry_run" --file="${BASH_SOURCE[0]%/*}/init-db.sql"
