#!/bin/bash
# Build every image for both architectures, and push or load them.
#
#     build-all.sh [VERSION]           default: latest
#
#     REGISTRY            e.g. registry.example:5000/family: pushed there as VERSION, and printed by digest. Without it
#                         they are loaded into this machine's engine, as latest and the release's own version
#
# For one image, other tags or a registry without TLS: nix run .#push -- --help.
set -Eeuo pipefail
# -P: through the link /scripts, too
root=$(CDPATH='' cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

[[ $# -le 1 && ${1:-} != -* ]] || fail "usage: build-all.sh [VERSION]"
version=${1:-latest}
nix() { command nix --extra-experimental-features 'nix-command flakes' "$@"; }

if [[ -n ${REGISTRY:-} ]]; then
    nix run "$root#push" -- "$REGISTRY" --tag "$version"
else
    own=$(sed -n 's/^ *version = "\(.*\)";$/\1/p' "$root/nix/images/release.nix")
    [[ $version == latest || $version == "$own" ]] ||
        fail "the images of this tree are version $own: to give them another tag, name a REGISTRY to push to"
    nix run "$root#load"
fi
