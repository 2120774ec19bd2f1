#!/bin/bash
# Save BookSync's database and the keys that it is useless without.
#
#     backup.sh [--no-keys] [DIRECTORY]       default: ./backups
#
# Makes DIRECTORY/booksync-DATE.dump (pg_dump's custom format, compressed), verified by restoring it into a database that
# is removed again, and beside it its SHA-256, and booksync-DATE.keys with the Auth API's JWT_SECRET_KEY and
# CREDENTIALS_KEY. All are readable by their owner alone. The dump has its name only when it is whole and verified. One run
# at a time works in DIRECTORY.
#
#     KEEP_DAYS, KEEP_COUNT   a backup goes when it is older than KEEP_DAYS (30) and KEEP_COUNT (7) newer ones are there
#
# What a run of this or of restore.sh has left that was killed goes with the first backup that is made LEFT_HOURS later; keys
# without a dump go as a backup does.
#
# container.sh beside this file has what names the containers. Exits with non-zero whatever goes wrong, for cron.
set -Eeuo pipefail
umask 077
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/container.sh"

keys=yes
directory=backups
for argument; do
    case $argument in
        --no-keys) keys=no ;;
        -*) fail "unknown argument $argument; usage: backup.sh [--no-keys] [DIRECTORY]" ;;
        *) directory=$argument ;;
    esac
done
# longer than any run, so that none at work loses anything
readonly LEFT_HOURS=12
keep_days=${KEEP_DAYS:-30}
keep_count=${KEEP_COUNT:-7}
[[ $keep_days =~ ^[0-9]+$ && $keep_count =~ ^[1-9][0-9]*$ ]] ||
    fail "KEEP_DAYS=$keep_days, KEEP_COUNT=$keep_count: expected numbers, and to keep at least one"

# $1: NAME; from this script's own environment, which an .env file may have filled, or the file that its NAME_FILE names,
# or that secrets.sh has made
own_setting() {
    local file=$1_FILE made=$here/../secrets/${1,,}
    if [[ -n ${!1:-} ]]; then
        printf '%s' "${!1}"
    elif [[ -n ${!file:-} ]]; then
        cat "${!file}"
    elif [[ -r $made ]]; then
        cat "$made"
    fi
}

# from the running Auth API, else as they are here
read_keys() {
    local name value found=
    for name in JWT_SECRET_KEY CREDENTIALS_KEY; do
        value=$(container_setting "$auth_container" "$name" '' 2>/dev/null) || value=$(own_setting "$name")
        [[ -z $value ]] || found+="$name=$value"$'\n'
    done
    printf '%s' "$found"
}

# one at a time, or two of one second share a name; the lock ends with the process
take_lock() {
    exec 9>"$directory/.lock"
    flock -n 9 || fail "another backup.sh is at work in $directory; nothing was saved"
}

clean_up() {
    rm -f "$partial" "$partial_keys"
    # a signal may come when all is done
    [[ -z $named || -e $named.dump ]] || rm -f "$named.dump.sha256" "$named.keys"
    [[ -z $scratch ]] || drop_database "$scratch" || say "database $scratch could not be removed"
}

remove_left_files() {
    local file now
    now=$(date +%s)
    for file in "$directory"/.partial-*; do
        [[ -e $file ]] || continue
        ((now - $(stat -c %Y "$file") < LEFT_HOURS * 3600)) || rm -f "$file"
    done
}

# a database is as old as the file that its making has written; one that somebody uses is not dropped without FORCE either
remove_left_databases() {
    run_sql "$aside" --set=name="$database" --set=hours="$LEFT_HOURS" <<'SQL'
SELECT format('DROP DATABASE %I', datname) FROM pg_database AS d
WHERE (datname ~ '^booksync_verify_[0-9]+$'
       OR starts_with(datname, :'name' || '_restored_') AND datname ~ '_restored_[0-9]{14,23}$')
  AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - make_interval(hours => :hours)
  AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)
\gexec
SQL
}

# before the database in use has a full disk: the scratch database is as large, and so is its WAL, until checkpoints take
# it away (max_wal_size, 1 GB)
check_room() {
    local place needed line
    place=$(run_sql "$aside" <<<'SHOW data_directory')
    needed=$(run_sql "$aside" --set=name="$database" <<'SQL'
SELECT (size + least(size, 1 << 30)) >> 20 FROM pg_database_size(:'name') AS size
SQL
    )
    line=$(inside df -Pk "$place" </dev/null | tail -n 1) || true
    # of the columns the one before the percentage: names may have spaces
    if [[ ! $line =~ ([0-9]+)\ +[0-9]+%\  ]]; then
        say "how much room $place in $container has cannot be told; verifying takes about $needed MiB"
    elif ((BASH_REMATCH[1] / 1024 <= needed)); then
        fail "$place in $container has $((BASH_REMATCH[1] / 1024)) MiB free, and verifying takes about $needed MiB: make" \
            "room there, e.g. remove the databases ${database}_before_... of restore.sh; nothing was saved"
    fi
}

# $1: a backup's name; whether it has a dump, which may have been compressed by hand
has_dump() {
    local file
    for file in "$1".*; do
        case $file in *.sha256 | *.keys) ;; *) return 0 ;; esac
    done
    return 1
}

remove_old() {
    local cutoff file stamp kept=0
    cutoff=$(date -u -d "@$(($(date +%s) - keep_days * 86400))" +%Y%m%dT%H%M%SZ)
    for file in $(printf '%s\n' "$directory"/booksync-[0-9]*Z.dump | sed 's/.*booksync-//' | sort -r); do
        stamp=${file%.dump}
        kept=$((kept + 1))
        if ((kept > keep_count)) && [[ $stamp < $cutoff ]]; then
            file=$directory/booksync-$stamp
            rm -f "$file.dump" "$file.dump.sha256" "$file.keys"
            say "removed booksync-$stamp, older than $keep_days days"
        fi
    done
    ((kept >= keep_count)) || return 0
    for file in "$directory"/booksync-[0-9]*Z.{dump.sha256,keys}; do
        stamp=${file##*/booksync-}
        stamp=${stamp%%.*}
        if [[ -e $file && $stamp < $cutoff ]] && ! has_dump "$directory/booksync-$stamp"; then
            rm -f "$file"
            say "removed ${file##*/}, which has no dump and is older than $keep_days days"
        fi
    done
}

saved_keys=
if [[ $keys == yes ]]; then
    saved_keys=$(read_keys)
    [[ $saved_keys == *JWT_SECRET_KEY=* ]] ||
        fail "JWT_SECRET_KEY is neither in $auth_container (AUTH_CONTAINER) nor in the environment or secrets/. Start the Auth API," \
            "or set JWT_SECRET_KEY and CREDENTIALS_KEY: without them nobody can read the links to Mangacollec. Without keys: --no-keys"
fi
find_database

mkdir -p "$directory"
take_lock
until
    name=$directory/booksync-$(date -u +%Y%m%dT%H%M%SZ)
    [[ ! -e $name.dump ]]
do
    # the name is taken: one a second
    sleep 1
done
partial=$directory/.partial-$$.dump
partial_keys=$directory/.partial-$$.keys
scratch=
named=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

remove_left_files
remove_left_databases || say "databases that earlier runs have left could not be removed"
inside pg_dump --username="$user" --format=custom --compress=6 "$database" </dev/null >"$partial"
check_room
# not its own number: another run may have had that, and was killed
scratch=booksync_verify_$(date +%s%N)
make_database "$scratch"
restore_into "$scratch" "$partial"
drop_database "$scratch"
scratch=

sync "$partial"
sum=$(sha256sum <"$partial")
# the dump has its name last, when all that belongs to it is on the disk
named=$name
printf '%s  %s\n' "${sum%% *}" "${name##*/}.dump" >"$name.dump.sha256"
sync "$name.dump.sha256"
if [[ $keys == yes ]]; then
    printf '%s\n' "$saved_keys" >"$partial_keys"
    sync "$partial_keys"
    mv "$partial_keys" "$name.keys"
    names=$(sed 's/=.*//' "$name.keys")
    say "$name.keys has the keys of the Auth API, ${names//$'\n'/ and }: keep it with the backup, and away from other eyes"
else
    say "the keys of the Auth API are not saved: without CREDENTIALS_KEY, or JWT_SECRET_KEY where that is not set, the links to Mangacollec are lost"
fi
mv "$partial" "$name.dump"
named=
sync "$directory"
say "verified: database $database of $container, $(wc -c <"$name.dump") bytes"
printf '%s\n' "$name.dump"
remove_old
