/**
  The program that copies all locked artifacts to a Nix binary cache: `./bootstrap archive` of the checkout that one is
  in, since what is not in the store yet is fetched first.

  # Type
  mkArchive :: Derivation
*/
{ platform, builders }:
import ./mkScript.nix { inherit platform builders; } {
  name = "archive";
  script = ''
    if ! test -x bootstrap; then
      echo "archive: expected to be run in a checkout of BookSync, got $PWD, which has no bootstrap" >&2
      exit 2
    fi
    exec ./bootstrap archive "$@"
  '';
}
