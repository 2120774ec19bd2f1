/**
  The program that copies all locked artifacts to a Nix binary cache: `./bootstrap archive` of the checkout that one is
  in, since what is not in the store yet is fetched first.

  # Type
  mkArchive :: Derivation
*/
{ platform, builders }:
let
  busybox = "${builders.busybox}/bin/busybox";
in
derivation {
  name = "archive";
  inherit busybox;
  inherit (platform) system;
  script = ''
    #!${busybox} sh
    if ! test -x bootstrap; then
      echo "archive: expected to be run in a checkout of BookSync, got $PWD, which has no bootstrap" >&2
      exit 2
    fi
    exec ./bootstrap archive "$@"
  '';
  builder = busybox;
  args = [
    "sh"
    "-ec"
    ''
      $busybox mkdir -p $out/bin
      $busybox printf '%s' "$script" > $out/bin/archive
      $busybox chmod 0555 $out/bin/archive
    ''
  ];
  preferLocalBuild = true;
}
