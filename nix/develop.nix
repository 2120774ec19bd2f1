# What `./bootstrap venv` links together: the locked CPython and wheels, without torch and CUDA's 4 GB; and the programs
# that images are run with by apps, `./bootstrap reproduce` and bench.
{
  locks,
  platform,
  builders,
}:
let
  inherit (platform) architecture;
  wheelsOf = group: locks.wheels.groups.${group}.${architecture};
  wanted = builtins.concatMap wheelsOf [
    "common"
    "auth"
    "data"
    "prediction-onnx"
    "test"
    "lint"
    "build"
    "model"
    "supply"
  ];
in
{
  dev-bubblewrap = builders.bubblewrap;
  dev-busybox = builders.busybox;
  dev-python = builders.python.tree;
  dev-tools = builders.testTools;
  dev-vm = builders.mkVm { inherit architecture; };
  dev-vm-tools = builders.vmTools;
  dev-site = builders.mkWheelTree {
    name = "dev-site-${architecture}";
    inherit architecture;
    # each once
    wheels = builtins.attrNames (
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = null;
        }) wanted
      )
    );
  };
}
