# Every check of one builder platform; `./bootstrap check` builds and counts them, with `--long` the long ones too.
{
  lib,
  locks,
  platform,
  builders,
  images,
  variedImages,
  imagePackages,
  architecture,
  apps,
}:
let
  parts = lib.fix {
    arguments = {
      inherit
        lib
        locks
        platform
        builders
        images
        variedImages
        imagePackages
        architecture
        apps
        ;
      inherit (builders) testTools;
    };
    files = {
      functions = ./functions.nix;
      bytes = ./bytes.nix;
      model = ./model.nix;
      locksConsistent = ./locks.nix;
      fetch = ./fetch.nix;
      harness = ./harness.nix;
      style = ./style.nix;
      contracts = ./images.nix;
      servicesPytest = ./services.nix;
      appsPytest = ./apps.nix;
      docs = ./docs.nix;
      supply = ./supply.nix;
      nixos = ./nixos.nix;
      postgres = ./postgres.nix;
      stack = ./stack.nix;
      deploy = ./deploy.nix;
      long = ./long.nix;
    };
  };
in
{
  checks =
    parts.functions
    // parts.bytes
    // parts.model
    // parts.locksConsistent
    // parts.fetch
    // parts.harness
    // parts.style
    // parts.contracts
    // parts.servicesPytest
    // parts.appsPytest
    // parts.docs
    // parts.deploy
    // parts.supply.checks
    // parts.nixos
    // parts.postgres.checks
    // parts.stack.checks;
  longChecks =
    parts.long // parts.postgres.longChecks // parts.stack.longChecks // parts.supply.longChecks;
}
