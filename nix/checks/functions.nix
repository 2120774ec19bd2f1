# Evaluation tests of nix/lib, and that each of its functions has some.
{ lib, builders }:
let
  tests = import ../../tests/nix/functions.nix { inherit lib; };

  untested = builtins.filter (name: !tests ? ${name}) (builtins.attrNames lib);

  failuresOf =
    name:
    builtins.concatMap (
      test:
      if test.expr == test.expected then
        [ ]
      else
        [
          "${name}: expected ${builtins.toJSON test.expected}, got ${builtins.toJSON test.expr}"
        ]
    ) tests.${name};

  failures =
    map (name: "${name}: nix/lib has it, tests/nix/functions.nix has no test of it") untested
    ++ builtins.concatMap failuresOf (builtins.attrNames tests);
in
{
  lib-functions = builders.mkReport {
    name = "lib-functions";
    inherit failures;
  };
}
