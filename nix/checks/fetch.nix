# bootstrap's Python: resolution, fetching and its bad days, against servers on loopback.
{ builders }:
{
  fetch-unit = builders.mkPytest {
    name = "fetch-unit";
    tests = [ "tests/fetch" ];
    sources = {
      "pyproject.toml" = ../../pyproject.toml;
      "tests/fetch" = ../../tests/fetch;
      "nix/fetch" = ../fetch;
      "nix/inputs.json" = ../inputs.json;
      "bootstrap" = ../../bootstrap;
    };
    env.BOOKSYNC_SHELL = builtins.toJSON [
      "${builders.busybox}/bin/busybox"
      "sh"
    ];
    pythonPath = [ "nix/fetch" ];
  };
}
