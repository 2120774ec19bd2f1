# A service's image: base < CPython < shared wheels < the service's wheels < (model <) what services share < the service.
{
  lib,
  locks,
  builders,
  users,
  base,
  ...
}:
name: image: architecture:
let
  service = image.service or name;
  selection = import ./selection.nix;
  inherit (builtins) concatStringsSep filter match;

  wheelsOf = group: locks.wheels.groups.${group}.${architecture};
  fileOf = wheel: locks.wheels.wheels.${architecture}.${wheel}.file;
  isPure = wheel: lib.isPureWheel (fileOf wheel);

  # [] when there are no such wheels
  wheelLayer =
    {
      layer,
      wheels,
      strip ? false,
      drop ? [ ],
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
            drop = selection.wheels ++ drop;
          };
        })
      ];

  # compiled wheels differ by architecture; pure ones are one blob for both, and above
  wheelLayers =
    {
      layer,
      wheels,
      drop ? [ ],
    }:
    wheelLayer {
      layer = "${layer}-compiled-${architecture}";
      wheels = filter (wheel: !isPure wheel) wheels;
      strip = true;
      inherit drop;
    }
    ++ wheelLayer {
      layer = "${layer}-pure";
      wheels = filter isPure wheels;
      inherit drop;
    };

  own = lib.subtractLists [ (wheelsOf "common") (image.withoutWheels or [ ]) ] (
    wheelsOf (image.wheels or service)
  );
  heavy = map (
    {
      name,
      pattern,
      drop,
    }:
    {
      layer = "${name}-${architecture}";
      inherit drop;
      wheels = filter (wheel: match pattern wheel != null) own;
    }
  ) (image.wheelLayers or [ ]);
  light = lib.subtractLists (map (group: group.wheels) heavy) own;

  cpython = builders.mkLayer {
    name = "cpython-${architecture}";
    tree = builders.mkCpythonTree {
      inherit architecture;
      drop = selection.cpython;
    };
  };

  modelFolder = "usr/local/share/booksync/models";
  models = {
    safetensors = {
      name = "model";
      mkTree = builders.mkModelTree;
    };
    onnx = {
      name = "model-onnx";
      mkTree = builders.mkOnnxModelTree;
    };
  };
  mkModel =
    { name, mkTree }:
    builders.mkLayer {
      inherit name;
      tree = mkTree { folder = "${modelFolder}/${image.model}"; };
    };

  # what the services share is a layer of its own: a change of one service moves that service alone
  packageLayer =
    name: folder: source:
    builders.mkLayer {
      inherit name;
      tree = builders.mkServiceTree {
        inherit name;
        sources.${folder} = source;
      };
    };
  port = toString image.port;
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
    drop = image.dropFromWheels or [ ];
  }
  ++ (if image ? model then [ (mkModel models.${image.modelFormat or "safetensors"}) ] else [ ])
  ++ [
    (packageLayer "booksync-common" "common" ../../services/common)
    (packageLayer "booksync-api-${service}" service (../../services + "/${service}"))
  ];

  config = {
    User = "${toString users.booksync.uid}:${toString users.booksync.gid}";
    WorkingDir = users.booksync.home;
    Entrypoint = [ "/usr/local/bin/booksync-api-${service}" ];
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
    ++ (if image ? model then [ "BOOKSYNC_MODELS=/${modelFolder}" ] else [ ])
    ++ image.environment or [ ];
    ExposedPorts = {
      "${port}/tcp" = { };
    };
    StopSignal = "SIGTERM";
    Healthcheck = import ./health.nix (
      {
        test = concatStringsSep "; " [
          # where it listens; and past the proxy that an engine may name to every container
          "case $HOST in '' | 0.0.0.0) host=127.0.0.1;; ::) host=[::1];; *:*) host=[$HOST];; *) host=$HOST;; esac"
          "busybox wget -Y off -q -T 4 -O /dev/null http://$host:\${PORT:-${port}}/health/ready"
        ];
        retries = 3;
      }
      // builtins.intersectAttrs { startPeriod = null; } image
    );
  };

  inherit (image) title description;
}
