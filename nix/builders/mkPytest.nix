/**
  Run pytest on the builder's CPython with locked wheels.

  # Type
  mkPytest :: { name, tests, sources ? {}, groups ? [ "test" ], wheels ? [], env ? {}, pythonPath ? [] } -> Derivation

  # Arguments
  tests: paths below the source root to run
  sources: path below the source root -> source; what the tests and the code under test need
  groups: groups of nix/lock/wheels.json
  wheels: names of more wheels
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
  wheels ? [ ],
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
  ) ({ "pyproject.toml" = ../../pyproject.toml; } // sources);
  site =
    map (
      group:
      mkWheelTree {
        name = "wheels-${group}-${platform.architecture}";
        inherit (platform) architecture;
        wheels = locks.wheels.groups.${group}.${platform.architecture};
      }
    ) groups
    ++ map (
      wheel:
      mkWheelTree {
        name = "wheel-${wheel}-${platform.architecture}";
        inherit (platform) architecture;
        wheels = [ wheel ];
      }
    ) wheels;
}
