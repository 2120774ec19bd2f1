/**
  A tree of given files and empty folders.

  # Type
  mkFilesTree :: { name, files ? {}, folders ? [] } -> Derivation

  # Arguments
  files: path -> { source, executable ? false }
*/
{ mkPython }:
{
  name,
  files ? { },
  folders ? [ ],
}:
mkPython {
  inherit name folders;
  module = "files";
  files = builtins.mapAttrs (_: file: {
    source = builtins.path {
      name = builtins.baseNameOf file.source;
      path = file.source;
    };
    executable = file.executable or false;
  }) files;
}
