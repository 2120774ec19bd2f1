/**
  A check of what was evaluated: it fails with the failures, of which there should be none.

  # Type
  mkReport :: { name, failures } -> Derivation

  # Arguments
  failures: lines of text

  # Example
  mkReport { name = "lib-functions"; failures = [ "fix: expected 1, got 2" ]; }
*/
{ platform, busybox }:
{ name, failures }:
derivation {
  inherit name;
  inherit (platform) system;
  builder = "${busybox}/bin/busybox";
  failures = builtins.concatStringsSep "\n" failures;
  args = [
    "sh"
    "-c"
    "if test -n \"$failures\"; then echo \"$failures\"; exit 1; fi; echo passed > $out"
  ];
}
