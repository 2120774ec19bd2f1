{
  description = "BookSync: a family's manga library as bit-for-bit reproducible OCI images";

  # Only the NixOS module and its VM test use nixpkgs; the images, the checks and the apps never force it.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { nixpkgs, ... }:
    let
      systems = builtins.attrNames (import ./nix/lib/platforms.nix);
      forSystems =
        select:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = select (import ./nix { inherit system; });
          }) systems
        );
    in
    {
      packages = forSystems (booksync: booksync.packages);
      checks = forSystems (booksync: booksync.checks);
      # not of `nix flake check`: they need amd64's CUDA libraries, or time
      longChecks = forSystems (booksync: booksync.longChecks);
      apps = forSystems (booksync: booksync.apps);
      nixosModules.default = import ./nix/nixos;
      # forces nixpkgs, and so does nothing else
      nixosTests = builtins.mapAttrs (_: pkgs: { stack = import ./nix/nixos/test.nix { inherit pkgs; }; }) {
        inherit (nixpkgs.legacyPackages) x86_64-linux aarch64-linux;
      };
    };
}
