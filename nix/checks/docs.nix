# The documents: links that lead somewhere, and the picture of the images as they are.
{ builders, architecture }:
{
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
