/**
  The program that compares images of a registry with those built here.

  # Type
  mkVerify :: { images } -> Derivation

  # Arguments
  images: layouts and digests.json, as of mkImages
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{ images }:
mkApp {
  name = "verify";
  environment.BOOKSYNC_ORAS = "${builders.goTools}/bin/oras";
  defaults.BOOKSYNC_IMAGES = "${images}";
}
