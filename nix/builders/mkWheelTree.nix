/**
  Install locked wheels under /usr/local, with compiled modules.

  A tree of pure-Python wheels is the same derivation output for every architecture: its wheels
  are the same files.

  # Type
  mkWheelTree :: { name, architecture, wheels, drop ? [], strip ? false } -> Derivation

  # Arguments
  wheels: names in nix/lock/wheels.json
  drop: fnmatch patterns relative to site-packages
  strip: whether compiled modules lose their debug symbols
*/
{
  lib,
  platform,
  artifact,
  buildTools,
  debianCommand,
  mkInventory,
  mkPython,
}:
{
  name,
  architecture,
  wheels,
  drop ? [ ],
  strip ? false,
}:
let
  tree = mkPython {
    inherit name drop;
    module = "wheels";
    uses = [
      "bytecode"
      "debian"
      "elf"
    ];
    strip =
      if strip then
        debianCommand buildTools "usr/bin/${(lib.platformOf architecture).triplet}-strip"
      else
        [ ];
    wheels = map (wheel: artifact "wheels ${architecture} ${wheel}") wheels;
    installer = artifact "wheels ${platform.architecture} installer";
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    wheels = { inherit architecture wheels; };
  };
}
