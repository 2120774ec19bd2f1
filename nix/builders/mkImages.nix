/**
  OCI image layouts, one folder a name, and `digests.json` over all of them.

  # Type
  mkImages :: { name, version, images } -> Derivation

  # Arguments
  images: name -> { architectures :: [Derivation of mkImage], annotations :: AttrSet,
    referrers ? [ ] :: [Derivation of mkReferrers] }
*/
{ mkPython }:
{
  name,
  version,
  images,
}:
mkPython {
  inherit name version images;
  module = "images";
  uses = [
    "image"
    "oci"
  ];
}
