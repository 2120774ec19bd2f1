/**
  A tree of given files and empty folders.

  # Type
  mkFilesTree :: { name, files ? {}, folders ? [], component ? null } -> Derivation

  # Arguments
  files: path -> { source, executable ? false }
  component: what the files are, as `rest` of mkInventory
*/
{ mkInventory, mkPython }:
{
  name,
  files ? { },
  folders ? [ ],
  component ? null,
}:
let
  tree = mkPython {
    inherit name folders;
    module = "files";
    files = builtins.mapAttrs (_: file: {
      source = builtins.path {
        name = builtins.baseNameOf file.source;
        path = file.source;
      };
      executable = file.executable or false;
    }) files;
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    rest = component;
  };
}
