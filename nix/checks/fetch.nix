# bootstrap's Python: resolution, fetching and its bad days, against servers on loopback.
{ builders }:
{
  fetch-unit = builders.mkPytest {
    name = "fetch-unit";
    tests = [ "tests/fetch" ];
    sources = {
      "tests/fetch" = ../../tests/fetch;
      "nix/fetch" = ../fetch;
      "nix/inputs.json" = ../inputs.json;
    };
  };
}
