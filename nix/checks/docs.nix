# The documents: links that lead somewhere, and the picture of the images as they are, whichever builder draws it.
{
  lib,
  builders,
  architecture,
}:
let
  drawnOn = system: builtins.toJSON (import ../. { inherit system; }).packages.architecture.images;
  drawn = builtins.toJSON architecture.images;
in
{
  docs-picture = builders.mkReport {
    name = "docs-picture";
    failures = builtins.concatMap (
      system:
      let
        other = drawnOn system;
      in
      if other == drawn then [ ] else [ "${system} draws others: expected ${drawn}, got ${other}" ]
    ) (builtins.attrNames lib.platforms);
  };
  docs = builders.mkPytest {
    name = "docs";
    tests = [ "tests/docs" ];
    sources = {
      "README.md" = ../../README.md;
      "CHANGELOG.md" = ../../CHANGELOG.md;
      docs = ../../docs;
      deploy = ../../deploy;
      bench = ../../bench;
      services = ../../services;
      nix = ../.;
      tests = ../../tests;
    };
    env.BOOKSYNC_ARCHITECTURE = architecture;
  };
}
