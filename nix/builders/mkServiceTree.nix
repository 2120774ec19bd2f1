/**
  Build our own packages into wheels with their PEP 517 backend and install them under /usr/local.

  # Type
  mkServiceTree :: { name, sources } -> Derivation

  # Arguments
  sources: package name -> folder with a pyproject.toml
*/
{
  locks,
  platform,
  artifact,
  mkInventory,
  mkPython,
}:
{ name, sources }:
let
  wheel = name: artifact "wheels ${platform.architecture} ${name}";
  tree = mkPython {
    inherit name;
    module = "services";
    uses = [
      "bytecode"
      "debian"
      "elf"
      "wheels"
    ];
    # tests and documentation beside the package are no part of a wheel, nor of its inputs
    sources = builtins.mapAttrs (
      package: path:
      builtins.path {
        name = "${package}-source";
        inherit path;
        filter =
          path: _:
          !(builtins.elem (builtins.baseNameOf path) [
            "tests"
            "__pycache__"
          ]);
      }
    ) sources;
    backends = map wheel locks.wheels.groups.build.${platform.architecture};
    installer = wheel "installer";
  };
in
tree // { inventory = mkInventory { inherit tree; }; }
