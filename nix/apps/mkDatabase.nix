/**
  The program that runs the database image for development.

  # Type
  mkDatabase :: {} -> Derivation
*/
{
  locks,
  platform,
  builders,
  images,
}:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
  testTools = import ../checks/testTools.nix { inherit locks platform builders; };
in
mkApp {
  name = "database";
  environment = {
    BOOKSYNC_IMAGE = "${images.byArchitecture.booksync-postgres.${platform.architecture}}";
    BOOKSYNC_BUBBLEWRAP = builtins.concatStringsSep " " (
      builders.debianCommand testTools "usr/bin/bwrap"
    );
  };
}
