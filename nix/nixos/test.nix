# The stack on a NixOS machine, by nixpkgs' own driver: `nix build .#nixosTests.SYSTEM.stack`.
{ pkgs }:
pkgs.testers.runNixOSTest {
  name = "booksync-stack";
  nodes.machine = {
    imports = [ ./. ];
    environment.systemPackages = [ pkgs.curl ];
    virtualisation = {
      # MiB
      memorySize = 4096;
      diskSize = 8192;
      oci-containers.backend = "podman";
    };
    services.booksync = {
      enable = true;
      nginx.enable = true;
      backup.enable = true;
    };
  };
  testScript = builtins.readFile ../../tests/nixos/stack.py;
}
