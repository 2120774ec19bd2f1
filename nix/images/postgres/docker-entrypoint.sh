#!/bin/bash
# Initialise PGDATA on its first start as the official PostgreSQL image does, then run the command.
set -Eeuo pipefail

say() { printf 'booksync-postgres: %s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

# NAME or NAME_FILE (a secret mounted as a file), else a default
read_setting() {
    local name=$1 file_name=$1_FILE
    if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then
        fail "$name and $file_name are both set; set one of them"
    fi
    if [[ -n ${!file_name:-} ]]; then
        [[ -r ${!file_name} ]] || fail "$file_name names ${!file_name}, which cannot be read"
        printf -v "$name" '%s' "$(<"${!file_name}")"
    fi
    printf -v "$name" '%s' "${!name:-${2:-}}"
    unset "$file_name"
}

psql_as_owner() { psql -X -v ON_ERROR_STOP=1 --no-password -U "$POSTGRES_USER" -h "$socket" "$@"; }

initialise() {
    if [[ -z $POSTGRES_PASSWORD && $POSTGRES_HOST_AUTH_METHOD != trust ]]; then
        fail "POSTGRES_PASSWORD is not set: give the superuser a password, e.g. -e POSTGRES_PASSWORD=..." \
            "(POSTGRES_HOST_AUTH_METHOD=trust lets anybody in without one; not recommended)"
    fi
    say "initialising $PGDATA"
    local -a arguments=()
    [[ -n $POSTGRES_INITDB_ARGS ]] && eval "arguments=($POSTGRES_INITDB_ARGS)"
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-local=trust --auth-host=scram-sha-256 --data-checksums \
        --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 \
        --set=jit=off --set=listen_addresses='*' "${arguments[@]}" >&2
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
}

# $1: auth, data or prediction
create_service_role() {
    local user=DB_${1^^}_USER password=DB_${1^^}_PASSWORD
    read_setting "$user" "booksync_$1"
    read_setting "$password"
    if [[ -z ${!password} ]]; then
        if [[ $POSTGRES_PASSWORD == password && ${ENVIRONMENT:-${APP_ENV:-}} != production ]]; then
            printf -v "$password" '%s' "$1_password"
            say "$password is not set: ${!user} has the guide's sample password; set it for anything but a trial"
        else
            say "$password is not set: ${!user} cannot log in until it has a password"
        fi
    fi
    psql_as_owner -q -d "$POSTGRES_DB" -v role="${!user}" -v schema="$1" -v password="${!password}" \
        -f /usr/local/share/booksync/init-db.sql >&2
}

run_scripts() {
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) if [[ -x $script ]]; then say "running $script" && "$script" >&2; else say "sourcing $script" && . "$script"; fi ;;
            *.sql) say "running $script" && psql_as_owner -d "$POSTGRES_DB" -f "$script" >&2 ;;
            *.sql.gz) say "running $script" && gunzip -c "$script" | psql_as_owner -d "$POSTGRES_DB" >&2 ;;
            *) [[ ! -e $script ]] || say "ignoring $script" ;;
        esac
    done
}

fill() {
    socket=$(mktemp -d)
    pg_ctl --pgdata="$PGDATA" --wait --silent -o "-c listen_addresses='' -c unix_socket_directories='$socket'" start >&2
    if [[ $POSTGRES_DB != postgres ]]; then
        psql_as_owner -q -d postgres -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";' >&2
    fi
    run_scripts
    psql_as_owner -q -d "$POSTGRES_DB" -c 'CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public' >&2
    local service
    for service in auth data prediction; do create_service_role "$service"; done
    pg_ctl --pgdata="$PGDATA" --wait --silent --mode=fast stop >&2
    rmdir "$socket"
    say "ready for start-up"
}

# arguments alone are arguments of postgres
[[ ${1:-} == -* ]] && set -- postgres "$@"

if [[ ${1:-} == postgres ]]; then
    read_setting POSTGRES_USER postgres
    read_setting POSTGRES_PASSWORD
    read_setting POSTGRES_DB "$POSTGRES_USER"
    read_setting POSTGRES_INITDB_ARGS
    read_setting POSTGRES_HOST_AUTH_METHOD
    if [[ ! -s $PGDATA/PG_VERSION ]]; then
        initialise
        fill
    fi
    # the folder of the default socket, when /run is an empty tmpfs
    mkdir -p /run/postgresql 2>/dev/null || set -- "$@" -c unix_socket_directories=/tmp
    unset POSTGRES_PASSWORD DB_AUTH_PASSWORD DB_DATA_PASSWORD DB_PREDICTION_PASSWORD
fi

exec "$@"
