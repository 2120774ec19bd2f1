/**
  The model of mkModelTree as ONNX: a folder in half precision, and beside it `FOLDER-int8`.

  # Type
  mkOnnxModelTree :: { folder } -> Derivation

  # Arguments
  folder: where it stands, relative to the root
*/
{
  libstdcxx,
  locks,
  platform,
  mkInventory,
  mkModelTree,
  mkPython,
  mkWheelTree,
  modelComponent,
}:
{ folder }:
let
  inherit (platform) architecture;
  tree = mkPython {
    name = "model-onnx";
    module = "onnx_model";
    uses = [ "bert" ];
    inherit folder;
    model = mkModelTree { inherit folder; };
    inherit libstdcxx;
    site = [
      (mkWheelTree {
        name = "wheels-model-${architecture}";
        inherit architecture;
        wheels = locks.wheels.groups.model.${architecture};
      })
    ];
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    rest = modelComponent folder;
  };
}
