# Layouts of some images for some architectures: a check of one architecture does not wait for the other's images.
{ builders }:
let
  release = import ../images/release.nix;
in
images:
{ names, architectures }:
builders.mkImages {
  name = "images-${builtins.concatStringsSep "-" architectures}";
  inherit (release) version;
  images = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = {
        architectures = map (architecture: images.byArchitecture.${name}.${architecture}) architectures;
        annotations = { };
      };
    }) names
  );
}
