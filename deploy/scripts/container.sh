# shellcheck shell=bash
# How backup.sh and restore.sh reach the database's container: sourced by them.
#
#     CONTAINER_ENGINE    docker, podman, or any command that has `exec [-i] CONTAINER COMMAND` (default: docker)
#     DATABASE_CONTAINER  default: booksync-postgres
#     AUTH_CONTAINER      default: booksync_auth_api

engine=${CONTAINER_ENGINE:-docker}
container=${DATABASE_CONTAINER:-booksync-postgres}
# shellcheck disable=SC2034 # backup.sh reads it
auth_container=${AUTH_CONTAINER:-booksync_auth_api}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

# $@: a command; in the container, with our stdin
inside() { "$engine" exec -i "$container" "$@"; }

# $1: a container, $2: NAME, $3: default; as the container has it, or in the file that its NAME_FILE names
container_setting() {
    # the variables are the container's
    # shellcheck disable=SC2016
    "$engine" exec -i "$1" sh -c 'eval "value=\${$1:-} file=\${$1_FILE:-}"
        if [ -z "$value" ] && [ -n "$file" ]; then value=$(cat "$file") || exit 1; fi
        printf %s "${value:-$2}"' sh "$2" "$3" </dev/null
}

# returns, as going back has more to say when it cannot
find_database() {
    if ! user=$(container_setting "$container" POSTGRES_USER postgres) ||
        ! database=$(container_setting "$container" POSTGRES_DB "$user"); then
        say "no command can be run in $container: is it running? ($engine exec; CONTAINER_ENGINE, DATABASE_CONTAINER) Or what" \
            "its POSTGRES_USER_FILE or POSTGRES_DB_FILE names cannot be read there"
        return 1
    fi
    # where to stand while databases are made, renamed and removed
    aside=postgres
    [[ $database != postgres ]] || aside=template1
}

# $1: a database, $@: more for psql, SQL on stdin
run_sql() {
    local name=$1
    shift
    inside psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --username="$user" \
        --dbname="$name" "$@"
}

# $1: its name
make_database() {
    # the variables are psql's
    run_sql "$aside" --set=name="$1" <<'SQL'
CREATE DATABASE :"name" TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

drop_database() {
    run_sql "$aside" --set=name="$1" <<'SQL'
SET client_min_messages = 'warning';
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
SQL
}

# $1: a database, $2: a file of pg_dump, custom or plain, compressed or not; all of it or nothing
restore_into() {
    local read=(cat)
    case $2 in
        *.gz) read=(gzip -dc) ;;
        *.xz) read=(xz -dc) ;;
        *.zst) read=(zstd -dc) ;;
    esac
    if [[ $("${read[@]}" "$2" | head -c 5) == PGDMP ]]; then
        "${read[@]}" "$2" | inside pg_restore --username="$user" --dbname="$1" --single-transaction --exit-on-error
    elif "${read[@]}" "$2" | tail -n 20 | grep -q '^-- PostgreSQL database dump complete'; then
        "${read[@]}" "$2" | run_sql "$1" --single-transaction --output=/dev/null
    else
        say "$2 is no whole dump of pg_dump"
        return 1
    fi
}
