# shellcheck shell=bash
# What a database of an earlier image, or of the official one, needs before it serves: sourced by docker-entrypoint.sh.
#
# The versions that a data directory was last seen with stand in a file in it, so that a start as usual costs nothing.
# Otherwise a server on a socket of its own is asked: pgvector's objects are brought to the version of its library, and
# a database whose order of text is not libc's of today is named. The latter is said at every start, until it is repaired.

readonly SEEN_VERSIONS=$PGDATA/booksync-versions
readonly EXTENSIONS=/usr/share/postgresql/$MAJOR/extension

current_versions() {
    sed -n "s/^default_version = '\(.*\)'/pgvector \1/p" "$EXTENSIONS/vector.control"
    getconf GNU_LIBC_VERSION
}

remember_versions() { current_versions >"$SEEN_VERSIONS.new" && mv "$SEEN_VERSIONS.new" "$SEEN_VERSIONS"; }

has_locale() { ! LC_ALL=$1 locale charmap 2>&1 >/dev/null | grep -q .; }

# without it the server would not start, or let nobody into the database
check_locale() {
    local line name
    while read -r line; do
        name=${line#*\'}
        name=${name%%\'*}
        if ! has_locale "$name"; then
            say "$PGDATA was made with libc's locale $name; this image has only: $(locale -a | tr '\n' ' ')"
            fail "Save it with pg_dump on the image that it was made with, and restore that into an empty directory here."
        fi
    done < <(grep -E "^[[:space:]]*lc_[a-z]+[[:space:]]*=[[:space:]]*'[^']" "$PGDATA/postgresql.conf")
}

# $1: a database; print what a newer image than this has left in it, from which no way leads back
update_extension() {
    docker_process_sql --dbname="$1" --quiet --tuples-only --no-align <<'SQL'
SELECT format('ALTER EXTENSION vector UPDATE TO %L', target) FROM pg_extension_update_paths('vector')
    JOIN pg_available_extensions ON installed_version = source AND default_version = target
WHERE name = 'vector' AND path IS NOT NULL \gexec
SELECT format('database %I has pgvector %s, newer than this image''s %s, to which no way leads back: it goes on as it is.'
    ' Nearly all works with the older library; what %2$s has added fails',
    current_database(), installed_version, default_version)
FROM pg_available_extensions WHERE name = 'vector' AND installed_version <> default_version
SQL
}

describe_collations() {
    docker_process_sql --dbname=postgres --quiet --tuples-only --no-align <<'SQL'
SELECT format('database %I sorts text as libc %s did with locale %s; this is libc %s, so indexes on text may be in wrong order:'
    ' run REINDEX DATABASE %1$I; ALTER DATABASE %1$I REFRESH COLLATION VERSION',
    datname, coalesce(datcollversion, 'of unknown version'), datcollate, pg_database_collation_actual_version(oid))
FROM pg_database WHERE datallowconn AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
ORDER BY datname
SQL
}

update_databases() {
    local name names left collations
    names=$(docker_process_sql --dbname=postgres --quiet --tuples-only --no-align \
        --command='SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname') || return
    while read -r name; do
        left=$(update_extension "$name") || return
        [[ -z $left ]] || say "$left"
    done <<<"$names"
    collations=$(describe_collations) || return
    while read -r name; do
        [[ -z $name ]] || say "$name"
    done <<<"$collations"
    [[ -n $collations ]] || remember_versions
}

# $@: the command
upgrade() {
    check_locale
    [[ $(cat "$SEEN_VERSIONS" 2>/dev/null) != "$(current_versions)" ]] || return 0
    # a standby gets its changes from elsewhere, a recovery is the owner's
    [[ ! -e $PGDATA/standby.signal && ! -e $PGDATA/recovery.signal ]] || return 0
    say "$PGDATA was last used with other versions; looking what it needs"
    local trusted
    trusted=$(mktemp)
    echo 'local all all trust' >"$trusted"
    start_temporary_server "$@" -c hba_file="$trusted"
    update_databases ||
        say "the databases could not be looked through as POSTGRES_USER=$POSTGRES_USER; they are served as they are"
    stop_temporary_server
    rm "$trusted"
}
