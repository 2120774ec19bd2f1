/**
  How to run a program of a Debian tree of the builder's architecture: an argv prefix.

  It goes through the tree's own loader, so that it works where there is no /lib64, as in the
  sandbox or on NixOS.

  # Type
  debianCommand :: Derivation -> String -> [String]

  # Example
  debianCommand buildTools "usr/bin/pigz"
*/
{ platform }:
tree: program:
let
  libraries = "${tree}/usr/lib/${platform.triplet}";
in
[
  "${libraries}/${platform.loader}"
  "--library-path"
  libraries
  "${tree}/${program}"
]
