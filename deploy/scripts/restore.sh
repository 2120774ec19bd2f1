#!/bin/bash
# Bring a backup back: into a new database, in one transaction, which then takes the old one's name.
#
#     restore.sh [--yes] FILE
#
# FILE is what backup.sh has made, or a plain dump as `pg_dump booksync > FILE` writes it, or one of them compressed by
# gzip, xz or zstd. Stop the services first. Whatever goes wrong, the database in use stays as it is; when all went well
# it stays under another name, which is printed.
#
# container.sh beside this file has what names the container.
set -Eeuo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/container.sh"

usage="usage: restore.sh [--yes] FILE"
ask=yes
file=
for argument; do
    case $argument in
        --yes) ask=no ;;
        -*) fail "unknown argument $argument; $usage" ;;
        *) [[ -z $file ]] || fail "$usage" && file=$argument ;;
    esac
done
[[ -n $file ]] || fail "$usage"
[[ -r $file && -s $file ]] || fail "$file cannot be read, or is empty"
find_database

check_nobody_is_connected() {
    local others
    others=$(run_sql "$aside" --set=name="$database" <<'SQL'
SELECT string_agg(DISTINCT usename || coalesce(' (' || nullif(application_name, '') || ')', ''), ', ')
FROM pg_stat_activity WHERE datname = :'name' AND backend_type = 'client backend';
SQL
    )
    [[ -z $others ]] || fail "database $database is in use by $others: stop the services first, e.g." \
        "$engine stop booksync_auth_api booksync-api-data booksync-api-prediction"
}

# pg_restore does not notice everything that can be missing
check_digest() {
    local expected sum
    if [[ ! -r $file.sha256 ]]; then
        say "$file.sha256 is missing: $file cannot be checked for damage"
        return
    fi
    read -r expected _ <"$file.sha256" || true
    [[ -n $expected ]] ||
        fail "$file.sha256 is empty: $file cannot be checked for damage. To restore it unchecked, remove" \
            "$file.sha256"
    sum=$(sha256sum <"$file")
    [[ $expected == "${sum%% *}" ]] || fail "$file was damaged or changed: its SHA-256 differs from $file.sha256. Take another backup"
}

confirm() {
    local answer
    printf 'Database %s of %s will be replaced by %s.\nType the name of the database to go on: ' \
        "$database" "$container" "$file" >&2
    read -r answer || true
    [[ $answer == "$database" ]] || fail "that is not $database: nothing was changed"
}

clean_up() {
    [[ -z $new ]] || drop_database "$new" || say "database $new could not be removed"
}

restore() {
    local said
    if said=$(restore_into "$new" "$file" 2>&1); then
        [[ -z $said ]] || printf '%s\n' "$said" >&2
        return
    fi
    printf '%s\n' "$said" >&2
    [[ ! $said =~ role\ \"([^\"]+)\"\ does\ not\ exist ]] ||
        fail "$file gives rights to ${BASH_REMATCH[1]}, a role that $container does not have; nothing was changed. Make the" \
            "role first (psql: CREATE ROLE \"${BASH_REMATCH[1]}\"), with the attributes that it had, and restore again"
    fail "$file could not be restored, see above; nothing was changed"
}

# what belongs to a database and is in no dump, as its owner has it; init-db.sql then sets what BookSync needs
copy_settings() {
    run_sql "$aside" --set=name="$database" --set=new="$new" <<'SQL'
SELECT format('GRANT %s ON DATABASE %I TO %I%s', privilege_type, :'new', rolname,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_database, aclexplode(datacl) JOIN pg_roles ON pg_roles.oid = grantee WHERE datname = :'name'
UNION ALL
SELECT CASE setrole WHEN 0 THEN format('ALTER DATABASE %I', :'new')
    ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), :'new') END
    -- of these, as of pg_dump's, the value is a list of names, quoted where they need it; only '' is none there
    || CASE WHEN part[1] IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
        THEN format(' SET %I = %s', part[1], regexp_replace(part[2], '(^|, )""(?=,|$)', '\1''''', 'g'))
        ELSE format(' SET %I = %L', part[1], part[2]) END
FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS line,
    regexp_match(line, '^([^=]+)=(.*)$') AS part
WHERE datname = :'name'
\gexec
SQL
}

# both at once, or neither
swap() {
    run_sql "$aside" --set=name="$database" --set=new="$new" --set=old="$old" <<'SQL'
BEGIN;
ALTER DATABASE :"name" RENAME TO :"old";
ALTER DATABASE :"new" RENAME TO :"name";
COMMIT;
SQL
}

check_digest
check_nobody_is_connected
[[ $ask == no ]] || confirm

stamp=$(date -u +%Y%m%d%H%M%S)
old=${database}_before_$stamp
new=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# two runs may begin in one second, and each removes its own
new=${database}_restored_$(date -u +%Y%m%d%H%M%S%N)
make_database "$new"
restore
copy_settings
# who may connect, and each role's search_path
run_sql "$new" <"$here/../init-db.sql" >&2
check_nobody_is_connected
swap
new=

say "restored: database $database is what $file held; what it was before is database $old. When all is well, remove it:"
say "    $engine exec $container dropdb -U $user $old"
keys=${file%.dump}.keys
[[ ! -r $keys ]] || say "the Auth API needs the JWT_SECRET_KEY and CREDENTIALS_KEY of $keys: give it those before it starts again"
