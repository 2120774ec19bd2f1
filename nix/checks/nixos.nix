# The NixOS module: evaluated with a stand-in of nixpkgs' module system, and its own script run.
{ platform, builders }:
let
  failures = import ../../tests/nix/report.nix { inherit (platform) system; };
in
{
  nixos-secrets = builders.mkPytest {
    name = "nixos-secrets";
    tests = [
      "tests/nixos/test_network.py"
      "tests/nixos/test_secrets.py"
    ];
    sources = {
      "nix/nixos" = ../nixos;
      "tests/nixos" = ../../tests/nixos;
    };
    env.BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
  };
  nixos-module = builders.mkReport {
    name = "nixos-module";
    inherit failures;
  };
}
