#!/bin/bash
# Make the secrets of a deployment, each in a file that root and the containers that need it can read.
#
#     secrets.sh [DIRECTORY]       default: the folder above this script
#
# Makes DIRECTORY/secrets/NAME for each name of the table below that is not there. A secret that is there is never
# changed; only its owner and mode are set again. A value that DIRECTORY/.env has (DB_AUTH_PASSWORD for db_auth_password)
# is taken, so that an .env file of the guide's goes on; others are 32 random bytes in hexadecimal.
set -Eeuo pipefail
umask 077
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
. "$here/env-file.sh"

# of the images: nix/images/users.nix
readonly POSTGRES=999 BOOKSYNC=65532

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

[[ $# -le 1 && ${1:-} != -* ]] || fail "usage: secrets.sh [DIRECTORY]"
directory=${1:-$here/..}
[[ -d $directory ]] || fail "$directory is no folder"
secrets=$directory/secrets

# name, owner, group, mode: the passwords of the services' roles are read by the database too
table="
db_admin_password         $POSTGRES $POSTGRES 600
db_auth_password          $BOOKSYNC $POSTGRES 640
db_data_password          $BOOKSYNC $POSTGRES 640
db_prediction_password    $BOOKSYNC $POSTGRES 640
jwt_secret_key            $BOOKSYNC $BOOKSYNC 600
credentials_key           $BOOKSYNC $BOOKSYNC 600
app_secret_key            $BOOKSYNC $BOOKSYNC 600
mangacollec_client_secret $BOOKSYNC $BOOKSYNC 600
"

random() { od -An -v -tx1 -N 32 /dev/urandom | tr -d ' \n'; }

# $1: a name, $2: a file
write_value() {
    local value
    is_plain_in_env_file "$directory/.env" "${1^^}" ||
        fail "${1^^} in $directory/.env: expected a value that stands for itself, got one in which compose replaces a \$ or a" \
            "\\. Write there, in single quotes, what compose has made of it until now, and run this again"
    value=$(read_env_file "$directory/.env" "${1^^}")
    if [[ -n $value ]]; then
        say "$1 is what .env has: remove it there, as from now on only $secrets/$1 counts"
    elif [[ $1 == mangacollec_client_secret ]]; then
        say "$1 is empty: Mangacollec gives it; write it into $secrets/$1"
    else
        value=$(random)
    fi
    printf '%s' "$value" >"$2"
}

[[ $(id -u) == 0 ]] || fail "run it as root: the secrets belong to the users of the containers"
mkdir -p "$secrets"
chmod 700 "$secrets"
partial=$secrets/.partial-$$
trap 'rm -f "$partial"' EXIT

made=0
while read -r name owner group mode; do
    [[ -n $name ]] || continue
    file=$secrets/$name
    [[ ! -e $file || -f $file ]] || fail "$file is no file; an engine makes a folder where one is missing: remove it"
    if [[ ! -e $file ]]; then
        # one of this number that was killed may have left it: a second name of the secret that it had just made
        rm -f "$partial"
        write_value "$name" "$partial"
        sync "$partial"
        # not mv: it would overwrite what another run has made meanwhile
        ln "$partial" "$file" 2>/dev/null || fail "$file was made meanwhile by another run"
        rm "$partial"
        made=$((made + 1))
    elif [[ ! -s $file && $name != mangacollec_client_secret ]]; then
        fail "$file is empty: write the secret into it, or remove the file to have a new one"
    fi
    chown "$owner:$group" "$file"
    chmod "$mode" "$file"
done <<<"$table"
sync "$secrets"
say "$made secrets made in $secrets, the others kept as they were; keep a copy on another machine"
