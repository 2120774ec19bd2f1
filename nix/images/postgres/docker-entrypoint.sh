#!/bin/bash
# Run PostgreSQL with the contract of the official image: PGDATA is initialised on the first start.
#
# Not `set -u`: scripts of /docker-entrypoint-initdb.d that are sourced here were written for the official image.
set -Eeo pipefail

readonly MAJOR=17
readonly SHARE=/usr/local/share/booksync
readonly SCRIPTS=/docker-entrypoint-initdb.d
readonly SECRETS=(POSTGRES_PASSWORD PGPASSWORD DB_AUTH_PASSWORD DB_DATA_PASSWORD DB_PREDICTION_PASSWORD)

say() { printf 'booksync-postgres: %s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

PGDATA=${PGDATA:-/var/lib/postgresql/data}
export PGDATA
. "$SHARE/data-directory.sh"
. "$SHARE/memory.sh"
. "$SHARE/upgrade.sh"

# NAME or NAME_FILE (a secret mounted as a file), else a default; exported, for scripts
read_setting() {
    local name=$1 file_name=$1_FILE
    if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then
        fail "$name and $file_name are both set; set one of them"
    fi
    if [[ -n ${!file_name:-} ]]; then
        [[ -r ${!file_name} ]] || fail "$file_name names ${!file_name}, which cannot be read by uid $EUID"
        printf -v "$name" '%s' "$(<"${!file_name}")"
    fi
    printf -v "$name" '%s' "${!name:-${2:-}}"
    export "${name?}"
    unset "$file_name"
}

read_settings() {
    read_setting POSTGRES_USER postgres
    read_setting POSTGRES_PASSWORD
    read_setting POSTGRES_DB "$POSTGRES_USER"
    read_setting POSTGRES_INITDB_ARGS
    read_setting POSTGRES_INITDB_WALDIR
    read_setting POSTGRES_HOST_AUTH_METHOD
    local service
    for service in AUTH DATA PREDICTION; do
        read_setting "DB_${service}_USER"
        read_setting "DB_${service}_PASSWORD"
    done
}

# options with which postgres prints something and ends
only_asks() {
    local word
    for word; do
        case $word in -\? | --help | --describe-config | -V | --version | -C) return 0 ;; esac
    done
    return 1
}

check_password() {
    if [[ $POSTGRES_HOST_AUTH_METHOD == trust ]]; then
        say "POSTGRES_HOST_AUTH_METHOD=trust: anybody who reaches this server is its superuser, without a password"
    elif [[ -z $POSTGRES_PASSWORD ]]; then
        fail "POSTGRES_PASSWORD is not set: give the superuser a password, e.g. -e POSTGRES_PASSWORD=..." \
            "(POSTGRES_HOST_AUTH_METHOD=trust lets anybody in without one; not recommended)"
    fi
}

# initdb asks for the name of its user, whom an arbitrary `--user` does not give one
name_this_user() {
    ! getent passwd "$EUID" >/dev/null || return 0
    NSS_WRAPPER_PASSWD=$(mktemp)
    NSS_WRAPPER_GROUP=$(mktemp)
    printf 'postgres:x:%s:%s:postgres:%s:/bin/bash\n' "$EUID" "$(id -g)" "$PGDATA" >"$NSS_WRAPPER_PASSWD"
    printf 'postgres:x:%s:\n' "$(id -g)" >"$NSS_WRAPPER_GROUP"
    LD_PRELOAD=$(echo /usr/lib/*/libnss_wrapper.so)
    export NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP LD_PRELOAD
}

# $1: an empty directory; in a subshell, whose variables go with it
run_initdb() (
    name_this_user
    local -a arguments=()
    [[ -z $POSTGRES_INITDB_ARGS ]] || eval "arguments=($POSTGRES_INITDB_ARGS)"
    [[ -z $POSTGRES_INITDB_WALDIR ]] || arguments+=("--waldir=$POSTGRES_INITDB_WALDIR")
    local -a locale=(--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8)
    # initdb refuses one provider's locale beside another provider
    [[ $POSTGRES_INITDB_ARGS != *--locale-provider* ]] || locale=(--locale=C.UTF-8)
    local host=scram-sha-256
    # else initdb's own lines would ask for a password on the loopback
    [[ $POSTGRES_HOST_AUTH_METHOD != trust ]] || host=trust
    initdb --pgdata="$1" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-local=trust --auth-host="$host" --data-checksums --encoding=UTF8 "${locale[@]}" \
        --set=jit=off --set=listen_addresses='*' "${arguments[@]}" >&2
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$1/pg_hba.conf"
    include_memory_settings "$1/postgresql.conf"
    # of its own files it has done so already; these are the two above
    initdb --sync-only --pgdata="$1" >&2
    [[ -z ${LD_PRELOAD:-} ]] || rm "$NSS_WRAPPER_PASSWD" "$NSS_WRAPPER_GROUP"
)

# $@: of postgres, so that scripts find the server as it will be; only on a socket of its own, where no client looks
start_temporary_server() {
    temporary_socket=$(mktemp -d)
    export PGHOST=$temporary_socket
    set -- "${@:2}" -c listen_addresses='' -c unix_socket_directories="$temporary_socket" -p "${PGPORT:-5432}"
    # recovery after a crash takes as long as it takes
    pg_ctl --pgdata="$PGDATA" --wait --timeout=86400 --silent -o "$(printf '%q ' "$@")" start >&2
}

stop_temporary_server() {
    [[ -n ${temporary_socket:-} ]] || return 0
    if [[ -e $PGDATA/postmaster.pid ]]; then
        # after a large import the last checkpoint takes as long as it takes, too
        pg_ctl --pgdata="$PGDATA" --wait --timeout=86400 --silent --mode=fast stop >&2
    fi
    rm -rf "$temporary_socket"
    unset temporary_socket PGHOST
}

# by this name scripts of the official image use it
docker_process_sql() {
    psql --no-psqlrc --no-password --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" "$@"
}

create_database() {
    docker_process_sql --dbname=postgres --quiet --set=name="$POSTGRES_DB" >&2 <<'SQL'
SELECT format('CREATE DATABASE %I', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
}

# busybox hands on what is not xz as it is
check_xz() {
    if [[ $(head -c 6 "$1" | xxd -p) != fd377a585a00 ]]; then
        say "$1 is not compressed by xz"
        return 1
    fi
}

run_script() {
    case $1 in
        *.sh) if [[ -x $1 ]]; then "$1"; else . "$1"; fi ;;
        *.sql) docker_process_sql --file="$1" ;;
        *.sql.gz) gunzip -c "$1" | docker_process_sql ;;
        *.sql.xz)
            check_xz "$1"
            unxz -c "$1" | docker_process_sql
            ;;
        *.sql.zst) zstd -d -c "$1" | docker_process_sql ;;
        *) say "ignoring $1: not .sh, .sql, .sql.gz, .sql.xz or .sql.zst" ;;
    esac >&2
}

explain_script() {
    say "$1 failed; the initialisation stops here and nothing after it has run"
    if [[ $1 == *.sql && $POSTGRES_DB != booksync ]] && grep -q 'ON DATABASE booksync ' "$1"; then
        say "$1 names the database booksync, and POSTGRES_DB is $POSTGRES_DB: set POSTGRES_DB=booksync," \
            "or take the script away (the services' roles are made without it)"
    fi
}

run_scripts() {
    local script
    for script in "$SCRIPTS"/*; do
        [[ -e $script ]] || continue
        say "running $script"
        current_script=$script
        run_script "$script"
    done
    current_script="$SHARE/init-db.sh"
    "$SHARE/init-db.sh" >&2
    unset current_script
}

on_exit() {
    [[ -z ${current_script:-} ]] || explain_script "$current_script"
    stop_temporary_server
}

# $@: the command
initialise() {
    check_password
    say "initialising $PGDATA"
    begin_initialisation
    run_initdb "$STAGING"
    fill_from_staging
    start_temporary_server "$@"
    create_database
    run_scripts
    stop_temporary_server
    remember_versions
    end_initialisation
    say "$PGDATA is initialised"
}

# as root: what PostgreSQL writes to becomes the user postgres's, who goes on
become_postgres() {
    local folder
    for folder in "$PGDATA" /run/postgresql ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"}; do
        mkdir -p "$folder"
        [[ -z $(find "$folder" ! -user postgres) ]] || chown -R postgres:postgres "$folder"
    done
    exec su -s "$0" -- postgres "$@"
}

# when /run is an empty tmpfs its folder is gone; who may not make it there listens where everybody may
find_socket_directory() {
    mkdir -p /run/postgresql 2>/dev/null || true
    [[ ! -w /run/postgresql ]] || return 0
    say "uid $EUID cannot write to /run/postgresql: the unix socket is in /tmp (psql --host=/tmp)"
    socket_arguments=(-c unix_socket_directories=/tmp)
}

# arguments alone are arguments of postgres
[[ ${1:-} != -* ]] || set -- postgres "$@"

if [[ ${1:-} == postgres ]] && ! only_asks "$@"; then
    # before root drops itself, which alone may read its files
    read_settings
    ((EUID != 0)) || become_postgres "$@"
    # the first process of a container is told nothing by default: without these, `docker stop` would be in vain
    trap on_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    check_data_directory
    if [[ -s $PGDATA/PG_VERSION ]]; then upgrade "$@"; else initialise "$@"; fi
    write_memory_settings
    socket_arguments=()
    find_socket_directory
    # first, so that arguments win
    set -- postgres "${socket_arguments[@]}" "${@:2}"
    unset "${SECRETS[@]}"
fi

exec "$@"
