/**
  The components of a tree, each with its files: every file and link belongs to exactly one.

  # Type
  mkInventory :: { tree, debs ? null, wheels ? null, rest ? null, compiledIn ? [] } -> Derivation

  # Arguments
  debs: { architecture, packages }, as of mkDebianTree
  wheels: { architecture, wheels }, as of mkWheelTree
  rest: name, version, purl, supplier, licence, the CPE's vendor and product, and so on of the component that has what
    no package has brought
  compiledIn: libraries that a binary of `rest` has in it: name, purl without version, licence, path, a regular
    expression of what the binary says of it, whose group, where it has one, is the version, and the CPE's vendor and
    product then
*/
{
  locks,
  artifact,
  mkPython,
}:
{
  tree,
  debs ? null,
  wheels ? null,
  rest ? null,
  compiledIn ? [ ],
}:
let
  inherit (builtins) baseNameOf;
in
mkPython {
  name = "inventory-${tree.name}";
  module = "inventory";
  uses = [
    "component"
    "debian"
    "inventory_debian"
    "inventory_wheels"
    "licences"
  ];
  inherit tree rest compiledIn;
  debs =
    if debs == null then
      [ ]
    else
      map (
        package:
        let
          locked = locks.debian.packages.${debs.architecture}.${package};
        in
        {
          path = artifact "debian ${debs.architecture} ${package}";
          source = baseNameOf locked.path;
          inherit (locked) sha256;
        }
      ) debs.packages;
  wheels =
    if wheels == null then
      [ ]
    else
      map (name: {
        inherit name;
        source = locks.wheels.wheels.${wheels.architecture}.${name}.file;
        inherit (locks.wheels.wheels.${wheels.architecture}.${name}) sha256;
      }) wheels.wheels;
}
