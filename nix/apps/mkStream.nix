/**
  A program that writes an image of one architecture to standard output, for `docker load`. It is the derivation itself,
  not one of its files, as virtualisation.oci-containers.containers.NAME.imageStream wants it.

  # Type
  mkStream :: { image, reference } -> Derivation

  # Arguments
  image: as of mkImage
  reference: the name that the engine is told
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{ image, reference }:
derivation {
  name = "${image.name}-stream";
  inherit (platform) system;
  builder = "${builders.busybox}/bin/busybox";
  args = [
    "ln"
    "-s"
    "${
      mkApp {
        name = "stream";
        environment = {
          BOOKSYNC_IMAGE = "${image}";
          BOOKSYNC_REFERENCE = reference;
        };
      }
    }/bin/stream"
    (builtins.placeholder "out")
  ];
  preferLocalBuild = true;
}
