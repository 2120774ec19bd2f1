# Every check of one builder platform; `./bootstrap check` builds and counts them, with `--long` the long ones too.
{
  lib,
  locks,
  platform,
  builders,
  images,
  variedImages,
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
      apps = ./apps.nix;
      postgres = ./postgres.nix;
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
    // parts.apps
    // parts.postgres.checks;
  longChecks = parts.long // parts.postgres.longChecks;
}
