# services.booksync makes the containers, units and rules that it says, and refuses what cannot work:
# [ { name, expr, expected } ]. `modules` is our stand-in, or has nixpkgs' own `lib` (realModules.nix).
{
  system,
  modules ? import ./modules.nix,
}:
let
  inherit (modules) lib;
  pkgs = {
    stdenv.hostPlatform = { inherit system; };
    bash = "/bash";
    util-linux = "/util-linux";
  };
  machineOf =
    settings:
    modules.evaluate {
      arguments = { inherit lib pkgs; };
      modules = [
        ./machine.nix
        ../../nix/nixos
        settings
      ];
    };
  booksync = settings: machineOf { services.booksync = { enable = true; } // settings; };
  fails = expr: !(builtins.tryEval (builtins.deepSeq expr true)).success;
  # what the operator is told
  refusalsOf =
    machine: map (each: each.message) (builtins.filter (each: !each.assertion) machine.assertions);
  containersOf = machine: machine.virtualisation.oci-containers.containers;

  plain = booksync { };
  containers = containersOf plain;
  auth = containers.booksync_auth_api;
  postgres = containers.booksync-postgres;
  names = [
    "booksync-api-data"
    "booksync-api-prediction"
    "booksync-postgres"
    "booksync_auth_api"
  ];
  digest = "registry.example/family/booksync-api-auth@sha256:${builtins.concatStringsSep "" (builtins.genList (_: "0") 64)}";
  tls = booksync {
    openFirewall = true;
    nginx = {
      enable = true;
      certificate = "/tls/certificate.pem";
      certificateKey = "/tls/key.pem";
    };
  };
  host = tls.services.nginx.virtualHosts."booksync.home";
  saved = booksync { backup.enable = true; };
  hasText = pattern: text: builtins.match ".*${pattern}.*" text != null;
  isStreamed = hasText "proxy_buffering off;";
  isExpression = name: builtins.substring 0 2 name == "~ ";
  filterAttrs =
    isWanted: attributes:
    builtins.removeAttrs attributes (
      builtins.filter (name: !isWanted name attributes.${name}) (builtins.attrNames attributes)
    );
  user = (import ../../nix/images/users.nix).postgres;
  has = option: container: builtins.elem option container.extraOptions;
in
[
  {
    name = "a machine without it has nothing of it";
    expr = builtins.deepSeq (machineOf { }) [
      (builtins.attrNames (containersOf (machineOf { })))
      (builtins.attrNames (machineOf { }).systemd.services)
      (machineOf { }).systemd.tmpfiles.rules
    ];
    expected = [
      [ ]
      [ ]
      [ ]
    ];
  }
  {
    name = "enable is enough, and nothing is refused";
    expr = [
      (refusalsOf plain)
      (builtins.attrNames containers)
      (builtins.deepSeq plain.systemd.services true)
    ];
    expected = [
      [ ]
      names
      true
    ];
  }
  {
    name = "every container is read-only, without capabilities, bounded, in the stack's own network";
    expr =
      builtins.filter
        (option: !builtins.all (name: has option containers.${name}) names)
        [
          "--read-only"
          "--cap-drop=ALL"
          "--security-opt=no-new-privileges"
          "--pids-limit=256"
          "--network=booksync-network"
        ];
    expected = [ ];
  }
  {
    name = "memory, processors and time to end are what was said";
    expr =
      let
        machine = containersOf (booksync {
          postgres.memory = "2g";
          auth.cpus = "1.5";
        });
      in
      [
        (has "--memory=2g" machine.booksync-postgres)
        (has "--stop-timeout=120" machine.booksync-postgres)
        (has "--memory=384m" machine.booksync_auth_api)
        (has "--cpus=1.5" machine.booksync_auth_api)
        (builtins.any (option: builtins.match "--cpus.*" option != null) machine.booksync-postgres.extraOptions)
      ];
    expected = [
      true
      true
      true
      true
      false
    ];
  }
  {
    name = "the flake's images are loaded, each under a name that changes with it";
    expr = map (container: [
      (builtins.match "booksync-[a-z-]+:[0-9a-z]{32}" container.image != null)
      container.imageStream.type
    ]) (builtins.attrValues containers);
    expected = map (_: [
      true
      "derivation"
    ]) names;
  }
  {
    name = "an image of a registry is one by digest, and none is loaded then";
    expr =
      let
        container = (containersOf (booksync { auth.image = digest; })).booksync_auth_api;
      in
      [
        container.image
        container.imageStream
        (fails (containersOf (booksync { auth.image = "booksync-api-auth:latest"; })).booksync_auth_api.image)
      ];
    expected = [
      digest
      null
      true
    ];
  }
  {
    name = "the database is nobody's to reach but the containers', and keeps its data";
    expr = [
      postgres.ports
      postgres.volumes
    ];
    expected = [
      [ ]
      [ "/var/lib/booksync/postgres:/var/lib/postgresql/data" ]
    ];
  }
  {
    name = "the database's folder is its user's, and no user of the machine with the same number gets there";
    expr = [
      plain.systemd.services.booksync-directories.environment
      plain.systemd.services.booksync-directories.script
    ];
    expected = [
      { DATA = "/var/lib/booksync"; }
      ''
        install -d -m 0700 -o root -g root "$DATA"
        install -d -m 0700 -o ${toString user.uid} -g ${toString user.gid} "$DATA/postgres"
      ''
    ];
  }
  {
    name = "folders are made when their disk is there, before all that wants them, and by nobody else";
    expr =
      let
        units = saved.systemd.services;
        firsts = [
          "podman-booksync_auth_api"
          "podman-booksync-api-data"
          "podman-booksync-api-prediction"
          "podman-booksync-postgres"
          "booksync-secrets"
        ];
        has = builtins.elem "booksync-directories.service";
      in
      [
        (builtins.filter (name: !(has units.${name}.requires && has units.${name}.after)) firsts)
        saved.systemd.tmpfiles.rules
      ];
    expected = [
      [ ]
      [ ]
    ];
  }
  {
    name = "the APIs are reached from this machine alone, until it is said otherwise";
    expr = [
      auth.ports
      plain.networking.firewall.allowedTCPPorts
      (refusalsOf (booksync { openFirewall = true; }))
    ];
    expected = [
      [ "127.0.0.1:8000:8000" ]
      [ ]
      [ "services.booksync.openFirewall: the APIs listen on 127.0.0.1 alone; set listenAddress, or enable nginx" ]
    ];
  }
  {
    name = "other ports are published and opened";
    expr =
      let
        machine = booksync {
          openFirewall = true;
          listenAddress = "0.0.0.0";
          auth.port = 9000;
        };
      in
      [
        (containersOf machine).booksync_auth_api.ports
        machine.networking.firewall.allowedTCPPorts
        (refusalsOf machine)
        (fails (containersOf (booksync { auth.port = 65536; })).booksync_auth_api.ports)
      ];
    expected = [
      [ "0.0.0.0:9000:8000" ]
      [
        9000
        8001
        8002
      ]
      [ ]
      true
    ];
  }
  {
    name = "secrets come from files: those that are made here, then the operator's";
    expr =
      let
        machine = booksync { auth.environmentFiles = [ "/run/secrets/auth.env" ]; };
      in
      [
        (containersOf machine).booksync_auth_api.environmentFiles
        machine.systemd.services.booksync-secrets.environment
        (builtins.elem "booksync-secrets.service"
          machine.systemd.services.podman-booksync_auth_api.requires
        )
      ];
    expected = [
      [
        "/var/lib/booksync/secrets/auth.env"
        "/run/secrets/auth.env"
      ]
      {
        DATABASE = "/var/lib/booksync/postgres";
        SECRETS = "/var/lib/booksync/secrets";
      }
      true
    ];
  }
  {
    name = "without secrets that are made here, each service's files are asked for";
    expr =
      let
        machine = booksync {
          generateSecrets = false;
          auth.environmentFiles = [ "/run/secrets/auth.env" ];
        };
      in
      [
        (builtins.length (refusalsOf machine))
        (machine.systemd.services ? booksync-secrets)
        machine.systemd.services.podman-booksync_auth_api.requires
      ];
    expected = [
      3
      false
      [
        "booksync-network.service"
        "booksync-directories.service"
      ]
    ];
  }
  {
    name = "an operator's variables win";
    expr =
      let
        machine = booksync {
          auth.environment = {
            JWT_EXPIRE_MINUTES = "15";
            ENVIRONMENT = "staging";
          };
        };
      in
      (containersOf machine).booksync_auth_api.environment;
    expected = {
      APP_DEBUG = "false";
      ENVIRONMENT = "staging";
      JWT_EXPIRE_MINUTES = "15";
    };
  }
  {
    name = "with nginx there is one address, with TLS, and its clients are known by their own";
    expr = [
      (refusalsOf tls)
      tls.networking.firewall.allowedTCPPorts
      host.forceSSL
      host.sslCertificate
      host.locations."/predict/".proxyPass
      host.locations."= /auth/metrics".return
      (containersOf tls).booksync_auth_api.environment.FORWARDED_ALLOW_IPS
    ];
    expected = [
      [ ]
      [
        80
        443
      ]
      true
      "/tls/certificate.pem"
      "http://127.0.0.1:8002/"
      "404"
      "172.30.85.1"
    ];
  }
  {
    name = "nginx here proxies what deploy/nginx proxies by expressions, and streams what that streams";
    expr = builtins.mapAttrs (_: location: isStreamed location.extraConfig) (
      filterAttrs (name: _: isExpression name) host.locations
    );
    expected =
      let
        # [ name body ]; no body has braces of its own
        found = builtins.filter builtins.isList (
          builtins.split "location (~ [^\n]+) [{]\n([^}]*)[}]" (
            builtins.readFile ../../deploy/nginx/nginx.conf
          )
        );
        bodyOf = group: builtins.elemAt group 1;
      in
      builtins.listToAttrs (
        map (group: {
          name = builtins.head group;
          value = isStreamed (bodyOf group);
        }) (builtins.filter (group: hasText "proxy_pass" (bodyOf group)) found)
      );
  }
  {
    name = "what nginx passes on is HTTP/1.1, and its number is one of nginx's own";
    expr = builtins.attrNames (
      filterAttrs (
        _: location:
        location.proxyPass != null
        && !(
          hasText "proxy_http_version 1.1;" location.extraConfig
          && hasText "proxy_set_header X-Request-ID [$]request_id;" location.extraConfig
        )
      ) host.locations
    );
    expected = [ ];
  }
  {
    name = "a certificate without its key, or beside acme, is refused";
    expr = [
      (builtins.length (
        refusalsOf (booksync {
          nginx = {
            enable = true;
            certificate = "/tls/certificate.pem";
          };
        })
      ))
      (builtins.length (
        refusalsOf (booksync {
          nginx = {
            enable = true;
            acme = true;
            certificate = "/tls/certificate.pem";
            certificateKey = "/tls/key.pem";
          };
        })
      ))
    ];
    expected = [
      1
      1
    ];
  }
  {
    name = "backups are made at night, by the engine that runs";
    expr =
      let
        unit = saved.systemd.services.booksync-backup;
      in
      [
        (plain.systemd.services ? booksync-backup)
        unit.startAt
        unit.environment
        unit.path
        (builtins.match "/bash/bin/bash .*/backup.sh /var/lib/booksync/backups" unit.serviceConfig.ExecStart != null)
        saved.systemd.timers.booksync-backup.timerConfig.Persistent
      ];
    expected = [
      false
      "*-*-* 03:15:00"
      {
        CONTAINER_ENGINE = "podman";
        KEEP_COUNT = "7";
        KEEP_DAYS = "30";
      }
      [
        "/engine"
        "/util-linux"
      ]
      true
      true
    ];
  }
  {
    name = "a backup that fails is tried again, and not without end";
    expr =
      let
        unit = saved.systemd.services.booksync-backup;
      in
      [
        unit.serviceConfig.Restart
        unit.serviceConfig.RestartSec
        unit.unitConfig.StartLimitIntervalSec
        unit.unitConfig.StartLimitBurst
      ];
    expected = [
      "on-failure"
      "2min"
      "12h"
      5
    ];
  }
  {
    name = "folders where units with ProtectHome see nothing are refused";
    expr =
      map
        (
          settings:
          builtins.sort builtins.lessThan (
            map (message: builtins.match "services\\.booksync\\.([a-zA-Z.]+): .*, got (.*)" message) (
              refusalsOf (booksync settings)
            )
          )
        )
        [
          { dataDir = "/home/lea/booksync"; }
          {
            backup = {
              enable = true;
              directory = "/root";
            };
          }
          {
            dataDir = "/run/user/1000/booksync";
            backup.enable = true;
          }
          { dataDir = "/homes/booksync"; }
        ];
    expected = [
      [
        [
          "dataDir"
          "/home/lea/booksync"
        ]
      ]
      [
        [
          "backup.directory"
          "/root"
        ]
      ]
      [
        [
          "backup.directory"
          "/run/user/1000/booksync/backups"
        ]
        [
          "dataDir"
          "/run/user/1000/booksync"
        ]
      ]
      [ ]
    ];
  }
  {
    name = "a backup has the Auth API's keys while that is down, those that are made here and the operator's";
    expr =
      map
        (
          settings:
          (booksync ({ backup.enable = true; } // settings))
          .systemd.services.booksync-backup.serviceConfig.EnvironmentFile
        )
        [
          { }
          { auth.environmentFiles = [ "/run/secrets/auth.env" ]; }
          {
            generateSecrets = false;
            auth.environmentFiles = [ "/run/secrets/auth.env" ];
          }
        ];
    expected = [
      [ "-/var/lib/booksync/secrets/auth.env" ]
      [
        "-/var/lib/booksync/secrets/auth.env"
        "-/run/secrets/auth.env"
      ]
      [ "-/run/secrets/auth.env" ]
    ];
  }
  {
    name = "nothing starts before the disk is there that has the data";
    expr =
      let
        moved = booksync {
          dataDir = "/mnt/nas/booksync";
          backup = {
            enable = true;
            directory = "/mnt/usb";
          };
        };
      in
      map (name: moved.systemd.services.${name}.unitConfig.RequiresMountsFor) [
        "booksync-directories"
        "booksync-secrets"
        "podman-booksync-postgres"
        "podman-booksync_auth_api"
        "booksync-backup"
      ];
    expected = [
      [ "/mnt/nas/booksync" ]
      [ "/mnt/nas/booksync" ]
      [ "/mnt/nas/booksync" ]
      [ "/mnt/nas/booksync" ]
      [ "/mnt/usb" ]
    ];
  }
  {
    name = "with podman the containers' names are looked up through the firewall, with docker nothing is open";
    expr =
      map
        (
          backend:
          let
            machine = machineOf {
              services.booksync.enable = true;
              virtualisation.oci-containers.backend = backend;
            };
          in
          [
            machine.networking.firewall.interfaces
            machine.systemd.services.booksync-network.environment
          ]
        )
        [
          "podman"
          "docker"
        ];
    expected = [
      [
        { booksync0.allowedUDPPorts = [ 53 ]; }
        {
          BRIDGE = "booksync0";
          ENGINE = "podman";
          SUBNET = "172.30.85";
        }
      ]
      [
        { }
        {
          BRIDGE = "booksync0";
          ENGINE = "docker";
          SUBNET = "172.30.85";
        }
      ]
    ];
  }
  {
    name = "with docker units are docker's, and wait for it";
    expr =
      let
        machine = machineOf {
          services.booksync.enable = true;
          virtualisation.oci-containers.backend = "docker";
        };
      in
      [
        (builtins.attrNames machine.systemd.services)
        machine.systemd.services.booksync-network.requires
      ];
    expected = [
      [
        "booksync-directories"
        "booksync-network"
        "booksync-secrets"
        "docker-booksync-api-data"
        "docker-booksync-api-prediction"
        "docker-booksync-postgres"
        "docker-booksync_auth_api"
      ]
      [ "docker.service" ]
    ];
  }
  {
    name = "what no option is for is refused, and so is a value of another type";
    expr = [
      (fails (booksync { unheard = true; }).services.booksync.unheard)
      (fails (booksync { auth.colour = "blue"; }).services.booksync.auth.port)
      (fails (machineOf { services.other.enable = true; }).assertions)
      (fails (booksync { subnet = "house"; }).systemd.services.booksync-network.environment)
      (fails (booksync { auth.memory = "much"; }).services.booksync.auth.memory)
      (fails (booksync { backup.keepDays = -1; }).services.booksync.backup.keepDays)
      (fails (booksync { backup.keepCount = 0; }).services.booksync.backup.keepCount)
      (fails (booksync { listenAddress = "localhost"; }).services.booksync.listenAddress)
    ];
    expected = [
      true
      true
      true
      true
      true
      true
      true
      true
    ];
  }
  {
    name = "every option says what it is for";
    expr =
      let
        undocumented =
          path: options:
          builtins.concatMap (
            name:
            let
              value = options.${name};
            in
            if value._type or "" == "option" then
              (if value ? description && value ? type then [ ] else [ "${path}.${name}" ])
            else
              undocumented "${path}.${name}" value
          ) (builtins.attrNames options);
      in
      undocumented "services" (import ../../nix/nixos/options.nix { inherit lib; }).options.services;
    expected = [ ];
  }
]
