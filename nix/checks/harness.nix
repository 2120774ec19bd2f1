# What the image tests stand on is itself tested: a broken layout or a hostile archive is noticed.
{ builders }:
{
  tests-harness = builders.mkPytest {
    name = "tests-harness";
    tests = [ "tests/harness" ];
    sources = {
      "tests/lib" = ../../tests/lib;
      "tests/harness" = ../../tests/harness;
    };
  };
}
