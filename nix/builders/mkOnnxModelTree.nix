/**
  The model of mkModelTree as ONNX: a folder in half precision, and beside it `FOLDER-int8`.

  # Type
  mkOnnxModelTree :: { folder } -> Derivation

  # Arguments
  folder: where it stands, relative to the root
*/
{
  locks,
  platform,
  mkDebianTree,
  mkModelTree,
  mkPython,
  mkWheelTree,
}:
{ folder }:
let
  inherit (platform) architecture;
  libraries = mkDebianTree {
    name = "libstdcxx";
    inherit architecture;
    packages = [ "libstdc++6" ];
  };
in
mkPython {
  name = "model-onnx";
  module = "onnx_model";
  uses = [ "bert" ];
  inherit folder;
  model = mkModelTree { inherit folder; };
  libstdcxx = "${libraries}/usr/lib/${platform.triplet}/libstdc++.so.6";
  site = [
    (mkWheelTree {
      name = "wheels-model-${architecture}";
      inherit architecture;
      wheels = locks.wheels.groups.model.${architecture};
    })
  ];
}
