# The locks are whole and say the same of both architectures.
{ builders }:
{
  locks-consistent = builders.mkPytest {
    name = "locks-consistent";
    tests = [ "tests/locks" ];
    sources = {
      "tests/locks" = ../../tests/locks;
      "nix/lock" = ../lock;
    };
  };
}
