#!/bin/bash
# Save BookSync's database and the keys that it is useless without.
#
#     backup.sh [--no-keys] [DIRECTORY]       default: ./backups
#
# Makes DIRECTORY/booksync-DATE.dump (pg_dump's custom format, compressed), verified by restoring it into a database that
# is removed again, and beside it its SHA-256, and booksync-DATE.keys with the Auth API's JWT_SECRET_KEY and
# CREDENTIALS_KEY. All are readable by their owner alone. The dump has its name only when it is whole and verified.
#
#     KEEP_DAYS, KEEP_COUNT   a backup goes when it is older than KEEP_DAYS (30) and KEEP_COUNT (7) newer ones are there
#
# container.sh beside this file has what names the containers. Exits with non-zero whatever goes wrong, for cron.
set -Eeuo pipefail
umask 077
here=${BASH_SOURCE[0]%/*}
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

clean_up() {
    rm -f "$partial" "$partial_keys"
    [[ -z $scratch ]] || drop_database "$scratch" || say "database $scratch could not be removed"
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
}

saved_keys=
if [[ $keys == yes ]]; then
    saved_keys=$(read_keys)
    [[ $saved_keys == *JWT_SECRET_KEY=* ]] ||
        fail "JWT_SECRET_KEY is neither in $auth_container (AUTH_CONTAINER) nor in the environment or secrets/: without it nobody" \
            "can read the links to Mangacollec in this backup. Set it, or leave it out on purpose with --no-keys."
fi
find_database

mkdir -p "$directory"
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
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

inside pg_dump --username="$user" --format=custom --compress=6 "$database" </dev/null >"$partial"
scratch=booksync_verify_$$
make_database "$scratch"
restore_into "$scratch" "$partial"
drop_database "$scratch"
scratch=

if [[ $keys == yes ]]; then
    printf '%s\n' "$saved_keys" >"$partial_keys"
    sync "$partial_keys"
    mv "$partial_keys" "$name.keys"
    names=$(sed 's/=.*//' "$name.keys")
    say "$name.keys has the keys of the Auth API, ${names//$'\n'/ and }: keep it with the backup, and away from other eyes"
else
    say "the keys of the Auth API are not saved: without JWT_SECRET_KEY the links to Mangacollec in this backup are lost"
fi
sync "$partial"
sum=$(sha256sum <"$partial")
printf '%s  %s\n' "${sum%% *}" "${name##*/}.dump" >"$name.dump.sha256"
mv "$partial" "$name.dump"
sync "$directory"
say "verified: database $database of $container, $(wc -c <"$name.dump") bytes"
printf '%s\n' "$name.dump"
remove_old
