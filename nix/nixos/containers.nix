# The four containers: read-only, without capabilities, bounded, started after their secrets and their network.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (builtins) attrNames mapAttrs;
  cfg = config.services.booksync;
  backend = config.virtualisation.oci-containers.backend;
  members = import ./services.nix;
  apis = builtins.removeAttrs members [ "postgres" ];
  loaded = (import ../. { inherit (pkgs.stdenv.hostPlatform) system; }).nixosImages;

  secretsOf = name: lib.optional cfg.generateSecrets "${cfg.dataDir}/secrets/${name}.env";

  hardening =
    name: member:
    [
      "--network=booksync-network"
      "--network-alias=${member.alias}"
      "--read-only"
      "--cap-drop=ALL"
      "--security-opt=no-new-privileges"
      "--pids-limit=256"
      "--memory=${cfg.${name}.memory}"
      "--stop-timeout=${toString (member.stopSeconds or 15)}"
    ]
    ++ map (place: "--tmpfs=${place}") (member.tmpfs or [ "/tmp:size=64m,mode=1777" ])
    ++ lib.optional (cfg.${name}.cpus != null) "--cpus=${cfg.${name}.cpus}";

  mkContainer =
    name: member: more:
    {
      inherit (if cfg.${name}.image == null then loaded.${name} else { inherit (cfg.${name}) image; }) image;
      extraOptions = hardening name member;
      environment = {
        ENVIRONMENT = "production";
      }
      // more.environment
      // cfg.${name}.environment;
      environmentFiles = secretsOf name ++ cfg.${name}.environmentFiles;
    }
    // lib.optionalAttrs (cfg.${name}.image == null) { inherit (loaded.${name}) imageStream; }
    // builtins.removeAttrs more [ "environment" ];

  mkApi =
    name: member:
    mkContainer name member {
      ports = [ "${cfg.listenAddress}:${toString cfg.${name}.port}:${toString member.port}" ];
      dependsOn = [ members.postgres.container ];
      environment = {
        APP_DEBUG = "false";
      }
      // lib.optionalAttrs cfg.nginx.enable {
        # the containers' gateway, from which nginx of this machine comes
        FORWARDED_ALLOW_IPS = "${cfg.subnet}.1";
      };
    };

  data = "/var/lib/postgresql/data";
  definitions = {
    postgres = mkContainer "postgres" members.postgres {
      volumes = [ "${cfg.dataDir}/postgres:${data}" ];
      environment = {
        POSTGRES_USER = "booksync";
        POSTGRES_DB = "booksync";
      };
    };
  }
  // mapAttrs mkApi apis;

  # name -> value, for each container
  ofEach =
    make:
    builtins.listToAttrs (
      map (name: {
        name = members.${name}.container;
        value = make name;
      }) (attrNames members)
    );
  unitOf = name: "${backend}-${members.${name}.container}";
in
{
  config = lib.mkIf cfg.enable {
    assertions = map (name: {
      assertion = cfg.generateSecrets || cfg.${name}.environmentFiles != [ ];
      message = "services.booksync.${name}.environmentFiles: without generateSecrets they have to bring its secrets";
    }) (attrNames members);

    virtualisation.oci-containers.containers = ofEach (name: definitions.${name});

    systemd.services = builtins.listToAttrs (
      map (name: {
        name = unitOf name;
        value = rec {
          requires = [
            "booksync-network.service"
            "booksync-directories.service"
          ]
          ++ lib.optional cfg.generateSecrets "booksync-secrets.service";
          after = requires;
          unitConfig.RequiresMountsFor = [ cfg.dataDir ];
        };
      }) (attrNames members)
    );
  };
}
