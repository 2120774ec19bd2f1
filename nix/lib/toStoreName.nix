/**
  A file name as the Nix store can hold it: other characters than [A-Za-z0-9+._?=-] become "-".

  The same rule stands in nix/fetch, which adds the file under this name.

  # Type
  toStoreName :: String -> String

  # Example
  toStoreName "libxml2_2.12.7~rc1_amd64.deb"   # "libxml2_2.12.7-rc1_amd64.deb"
*/
name:
builtins.concatStringsSep "-" (
  builtins.filter builtins.isString (builtins.split "[^A-Za-z0-9+._?=-]" name)
)
