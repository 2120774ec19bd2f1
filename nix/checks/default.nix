# Every check of one builder platform; `./bootstrap check` builds and counts them.
{
  lib,
  locks,
  platform,
  builders,
  images,
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
        ;
    };
    files = {
      testTools = ./testTools.nix;
      functions = ./functions.nix;
      bytes = ./bytes.nix;
      locksConsistent = ./locks.nix;
      fetch = ./fetch.nix;
      style = ./style.nix;
      contracts = ./images.nix;
      servicesPytest = ./services.nix;
      registry = ./registry.nix;
    };
  };
in
parts.functions
// parts.bytes
// parts.locksConsistent
// parts.fetch
// parts.style
// parts.contracts
// parts.servicesPytest
// parts.registry
