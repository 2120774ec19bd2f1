/**
  The program that loads images into this machine's container engine.

  # Type
  mkLoad :: { images } -> Derivation

  # Arguments
  images: layouts and digests.json, as of mkImages
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{ images }:
mkApp {
  name = "load";
  # another build's images can be loaded with the same program
  defaults.BOOKSYNC_IMAGES = "${images}";
}
