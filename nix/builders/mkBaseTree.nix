/**
  The tree that every image stands on: Debian's base packages, users, CA bundle, busybox's applets.

  # Type
  mkBaseTree :: { architecture, drop, keep, files, folders, links, component } -> Derivation

  # Arguments
  files: path -> text
  folders: paths of empty folders
  links: path -> target
  component: who has what no package has brought, as `rest` of mkInventory
*/
{
  locks,
  artifact,
  busybox,
  mkInventory,
  mkPython,
}:
{ architecture, component, ... }@arguments:
let
  packages = locks.debian.groups.base.${architecture};
  tree = mkPython (
    builtins.removeAttrs arguments [
      "architecture"
      "component"
    ]
    // {
      name = "base-${architecture}";
      module = "base";
      uses = [ "debian" ];
      busybox = "${busybox}/bin/busybox";
      debs = map (package: artifact "debian ${architecture} ${package}") packages;
    }
  );
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    debs = { inherit architecture packages; };
    rest = component;
  };
}
