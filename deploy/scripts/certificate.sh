#!/bin/bash
# Make a self-signed certificate for nginx: for a home network, whose names no public CA certifies.
#
#     certificate.sh NAME...       host names and IP addresses, e.g. booksync.home 192.168.1.10
#
# Makes nginx/tls/key.pem and nginx/tls/certificate.pem in the folder above this script, good for 825 days, the most that
# phones accept. What is there is never overwritten: to renew it, remove both files, run this, and restart nginx. A
# certificate of a CA goes into the same two files, readable by uid 65532.
set -Eeuo pipefail
umask 077

readonly BOOKSYNC=65532 # of the images: nix/images/users.nix

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

[[ $# -gt 0 && $1 != -* ]] || fail "usage: certificate.sh NAME..."
names=
for name; do
    if [[ $name =~ ^[0-9.]+$ || $name =~ ^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+$ ]]; then
        names+=,IP:$name
    elif [[ $name =~ ^[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]]; then
        names+=,DNS:$name
    else
        fail "$name is neither a host name nor an IP address"
    fi
done

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
folder=$here/../nginx/tls
[[ ! -e $folder/key.pem && ! -e $folder/certificate.pem ]] || fail "$folder has a certificate already: remove its key.pem and certificate.pem first"
[[ $(id -u) == 0 ]] || fail "run it as root: the key belongs to the user of the container"
install -d -m 755 "$folder"
partial=$(mktemp -d "$folder/.partial-XXXXXX")
trap 'rm -rf "$partial"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 825 \
    -subj "/CN=$1" -addext "subjectAltName=${names#,}" -addext "extendedKeyUsage=serverAuth" \
    -keyout "$partial/key.pem" -out "$partial/certificate.pem" 2>"$partial/log" || fail "$(<"$partial/log")"
chmod 644 "$partial/certificate.pem"
chown "$BOOKSYNC:$BOOKSYNC" "$partial/key.pem" "$partial/certificate.pem"
mv "$partial/key.pem" "$partial/certificate.pem" "$folder/"
say "made $folder/certificate.pem for $*; an nginx that runs has to be restarted"
