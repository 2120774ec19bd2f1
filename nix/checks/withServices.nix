# What a check stands on that runs the services' own code beside it: for mkPytest.
{ builders }:
let
  paths = map (name: "services/${name}/src") [
    "common"
    "auth"
    "data"
    "prediction"
  ];
in
{
  groups = [
    "test"
    "auth"
    "data"
  ];
  # of the Prediction API, without its model
  wheels = [
    "numpy"
    "pgvector"
  ];
  pythonPath = paths;
  sources = builtins.listToAttrs (
    map (path: {
      name = path;
      value = ../.. + "/${path}";
    }) paths
  );
  # greenlet and numpy are C++
  env.BOOKSYNC_LIBSTDCXX = builders.libstdcxx;
}
