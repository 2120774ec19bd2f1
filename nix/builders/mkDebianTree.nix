/**
  Unpack Debian packages of one architecture into one tree, merged under /usr.

  # Type
  mkDebianTree :: { name, architecture, packages, drop ? [], keep ? [] } -> Derivation

  # Arguments
  packages: names in nix/lock/debian.json
  drop, keep: fnmatch patterns of paths that are left out, and of those that stay in spite of it
*/
{
  artifact,
  mkInventory,
  mkPython,
}:
{
  name,
  architecture,
  packages,
  drop ? [ ],
  keep ? [ ],
}:
let
  tree = mkPython {
    inherit name drop keep;
    module = "debian";
    debs = map (package: artifact "debian ${architecture} ${package}") packages;
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    debs = { inherit architecture packages; };
  };
}
