# What is not as the tests of the NixOS module expect it, a line each.
arguments:
builtins.concatMap (
  test:
  if test.expr == test.expected then
    [ ]
  else
    [
      "${test.name}: expected ${builtins.toJSON test.expected}, got ${
        builtins.unsafeDiscardStringContext (builtins.toJSON test.expr)
      }"
    ]
) (import ./nixosModule.nix arguments)
