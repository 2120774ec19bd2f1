# nixpkgs' module system in the place of modules.nix, from a checkout of nix-community/nixpkgs.lib:
#
#     nix eval --impure --json --expr 'import tests/nix/report.nix { system = "x86_64-linux"; modules = import tests/nix/realModules.nix LIB; }'
path:
let
  lib = import "${toString path}/lib";
in
{
  inherit lib;
  evaluate =
    { modules, arguments }:
    (lib.evalModules {
      inherit modules;
      specialArgs = builtins.removeAttrs arguments [ "lib" ];
    }).config;
}
