# A service's image: base < CPython < shared wheels < the service's wheels < (model <) the service.
{
  lib,
  locks,
  builders,
  users,
  base,
}:
name: service: architecture:
let
  selection = import ./selection.nix;
  inherit (builtins) filter match;

  wheelsOf = group: locks.wheels.groups.${group}.${architecture};
  fileOf = wheel: locks.wheels.wheels.${architecture}.${wheel}.file;
  isPure = wheel: lib.isPureWheel (fileOf wheel);

  # [] when there are no such wheels
  wheelLayer =
    {
      layer,
      wheels,
      strip ? false,
    }:
    if wheels == [ ] then
      [ ]
    else
      [
        (builders.mkLayer {
          name = layer;
          tree = builders.mkWheelTree {
            name = "wheels-${layer}";
            inherit architecture wheels strip;
            drop = selection.wheels;
          };
        })
      ];

  # compiled wheels differ by architecture; pure ones are one blob for both, and above
  wheelLayers =
    { layer, wheels }:
    wheelLayer {
      layer = "${layer}-compiled-${architecture}";
      wheels = filter (wheel: !isPure wheel) wheels;
      strip = true;
    }
    ++ wheelLayer {
      layer = "${layer}-pure";
      wheels = filter isPure wheels;
    };

  own = lib.subtractLists [ (wheelsOf "common") (service.withoutWheels or [ ]) ] (wheelsOf name);
  heavy = map (
    { name, pattern }:
    {
      layer = "${name}-${architecture}";
      wheels = filter (wheel: match pattern wheel != null) own;
    }
  ) (service.wheelLayers or [ ]);
  light = lib.subtractLists (map (group: group.wheels) heavy) own;

  cpython = builders.mkLayer {
    name = "cpython-${architecture}";
    tree = builders.mkCpythonTree {
      inherit architecture;
      drop = selection.cpython;
    };
  };

  modelFolder = "usr/local/share/booksync/models";
  model = builders.mkLayer {
    name = "model";
    tree = builders.mkModelTree { folder = "${modelFolder}/${service.model}"; };
  };

  application = builders.mkLayer {
    name = "booksync-api-${name}";
    tree = builders.mkServiceTree {
      name = "booksync-api-${name}";
      sources = {
        common = ../../services/common;
        ${name} = ../../services + "/${name}";
      };
    };
  };
  port = toString service.port;
in
{
  layers = [
    (base architecture)
    cpython
  ]
  ++ wheelLayers {
    layer = "shared";
    wheels = wheelsOf "common";
  }
  ++ builtins.concatMap wheelLayer heavy
  ++ wheelLayers {
    layer = name;
    wheels = light;
  }
  ++ (if service ? model then [ model ] else [ ])
  ++ [ application ];

  config = {
    User = "${toString users.booksync.uid}:${toString users.booksync.gid}";
    WorkingDir = users.booksync.home;
    Entrypoint = [ "/usr/local/bin/booksync-api-${name}" ];
    Cmd = [ "serve" ];
    Env = [
      "PATH=/usr/local/bin:/usr/bin:/usr/sbin"
      "LANG=C.UTF-8"
      "HOME=${users.booksync.home}"
      "PYTHONUNBUFFERED=1"
      "PYTHONDONTWRITEBYTECODE=1"
      "HOST=0.0.0.0"
      "PORT=${port}"
    ]
    ++ (if service ? model then [ "BOOKSYNC_MODELS=/${modelFolder}" ] else [ ])
    ++ service.environment or [ ];
    ExposedPorts = {
      "${port}/tcp" = { };
    };
    StopSignal = "SIGTERM";
    Healthcheck = {
      Test = [
        "CMD-SHELL"
        "busybox wget -q -T 4 -O /dev/null http://127.0.0.1:\${PORT:-${port}}/health/ready"
      ];
      Interval = 10 * 1000000000; # ns
      Timeout = 5 * 1000000000;
      StartPeriod = 60 * 1000000000;
      Retries = 3;
    };
  };

  inherit (service) title description;
}
