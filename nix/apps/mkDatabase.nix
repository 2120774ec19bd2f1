/**
  The program that runs the database image of the builder's architecture for development.

  # Type
  mkDatabase :: { image } -> Derivation

  # Arguments
  image: as of mkImage
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{ image }:
mkApp {
  name = "database";
  environment = {
    BOOKSYNC_IMAGE = "${image}";
    BOOKSYNC_BUBBLEWRAP = builtins.concatStringsSep " " (
      builders.debianCommand builders.bubblewrap "usr/bin/bwrap"
    );
  };
}
