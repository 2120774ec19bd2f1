# bootstrap: what it installs, and its Python: resolution, fetching and its bad days, against servers on loopback.
{ platform, builders }:
let
  # busybox takes its own dpkg and uname before those of the PATH, which a test puts there
  bash = builders.mkDebianTree {
    name = "bash";
    inherit (platform) architecture;
    packages = [
      "bash"
      "libc6"
      "libtinfo6"
    ];
  };
in
{
  fetch-unit = builders.mkPytest {
    name = "fetch-unit";
    tests = [ "tests/fetch" ];
    sources = {
      "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
      "tests/fetch" = ../../tests/fetch;
      "nix/fetch" = ../fetch;
      "nix/inputs.json" = ../inputs.json;
      "bootstrap" = ../../bootstrap;
    };
    pythonPath = [
      "nix/fetch"
      "tests/lib"
    ];
    env = {
      BOOKSYNC_SHELL = builtins.toJSON (builders.debianCommand bash "usr/bin/bash");
      BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
    };
  };
}
