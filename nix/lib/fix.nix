/**
  Build an attribute set whose files may each use the others.

  Every file of `files` is a function of named arguments; it gets exactly those of
  `arguments` and of the finished set that it names.

  # Type
  fix :: { arguments :: AttrSet, files :: AttrSet } -> AttrSet

  # Example
  fix { arguments = { one = 1; }; files = { two = ./two.nix; }; }   # two.nix: { one }: one + one
*/
{ arguments, files }:
let
  scope = arguments // members;
  members = builtins.mapAttrs (
    _: file:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) scope)
  ) files;
in
members
