/**
  The program that runs the whole stack, of the builder's architecture, without a container engine.

  # Type
  mkUp :: { postgres, auth, data, prediction } -> Derivation

  # Arguments
  each the image of one service, as of mkImage
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{
  postgres,
  auth,
  data,
  prediction,
}:
mkApp {
  name = "up";
  environment = {
    BOOKSYNC_POSTGRES_IMAGE = "${postgres}";
    BOOKSYNC_AUTH_IMAGE = "${auth}";
    BOOKSYNC_DATA_IMAGE = "${data}";
    BOOKSYNC_PREDICTION_IMAGE = "${prediction}";
    BOOKSYNC_BUBBLEWRAP = builtins.concatStringsSep " " (
      builders.debianCommand builders.bubblewrap "usr/bin/bwrap"
    );
  };
}
