/**
  The platform (an entry of platforms.nix) of an OCI architecture.

  # Type
  platformOf :: String -> AttrSet

  # Example
  (platformOf "arm64").triplet   # "aarch64-linux-gnu"
*/
architecture:
let
  platforms = builtins.attrValues (import ./platforms.nix);
  found = builtins.filter (platform: platform.architecture == architecture) platforms;
in
if found == [ ] then
  throw "unknown architecture ${builtins.toJSON architecture}; known: ${
    builtins.toString (map (platform: platform.architecture) platforms)
  }"
else
  builtins.head found
