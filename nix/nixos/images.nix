/**
  The images of the builder's architecture for virtualisation.oci-containers, by member of the stack: the name that an
  engine is given, which is another one whenever the image is, and what writes the image for `docker load`.

  # Type
  images :: { platform, builders, images } -> AttrSet { image, imageStream }
*/
{
  platform,
  builders,
  images,
}:
let
  mkStream = import ../apps/mkStream.nix { inherit platform builders; };
  digits = 32; # of a store path's hash
in
builtins.mapAttrs
  (
    _member: name:
    let
      image = images.byArchitecture.${name}.${platform.architecture};
      tag = builtins.substring 0 digits (
        builtins.baseNameOf (builtins.unsafeDiscardStringContext "${image}")
      );
      reference = "${name}:${tag}";
    in
    {
      image = reference;
      imageStream = mkStream { inherit image reference; };
    }
  )
  (import ../images/stack.nix)
