/**
  The program that pushes images to a registry.

  # Type
  mkPush :: { images } -> Derivation

  # Arguments
  images: layouts and digests.json, as of mkImages
*/
{ platform, builders }:
let
  mkApp = import ./mkApp.nix { inherit platform builders; };
in
{ images }:
mkApp {
  name = "push";
  # for signatures
  site = [
    (builders.mkWheelTree {
      name = "wheels-signing-${platform.architecture}";
      inherit (platform) architecture;
      wheels = [
        "cffi"
        "cryptography"
        "pycparser"
      ];
    })
  ];
  environment.BOOKSYNC_ORAS = "${builders.goTools}/bin/oras";
  # another build's images can be pushed with the same program
  defaults.BOOKSYNC_IMAGES = "${images}";
}
