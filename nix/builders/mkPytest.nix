/**
  Run pytest on the builder's CPython with locked wheels.

  # Type
  mkPytest :: { name, tests, sources ? {}, groups ? [ "test" ], env ? {}, pythonPath ? [] } -> Derivation

  # Arguments
  tests: paths below the source root to run
  sources: path below the source root -> source; what the tests and the code under test need
  groups: groups of nix/lock/wheels.json
  env: environment variables
  pythonPath: paths below the source root that modules are imported from
*/
{
  locks,
  platform,
  python,
  mkPython,
  mkWheelTree,
}:
{
  name,
  tests,
  sources ? { },
  groups ? [ "test" ],
  env ? { },
  pythonPath ? [ ],
}:
mkPython {
  inherit
    name
    tests
    env
    pythonPath
    ;
  module = "pytest_run";
  python = python.command;
  sources = builtins.mapAttrs (
    path: source:
    builtins.path {
      name = builtins.baseNameOf path;
      path = source;
    }
  ) sources;
  site = map (
    group:
    mkWheelTree {
      name = "wheels-${group}-${platform.architecture}";
      inherit (platform) architecture;
      wheels = locks.wheels.groups.${group}.${platform.architecture};
    }
  ) groups;
}
