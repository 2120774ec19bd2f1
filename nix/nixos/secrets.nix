# Secrets that are made once: a file of variables for each container, which only root can read.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.booksync;
  folder = "${cfg.dataDir}/secrets";
in
{
  config = lib.mkIf (cfg.enable && cfg.generateSecrets) {
    assertions = [
      (import ./notAtHome.nix {
        option = "services.booksync.dataDir";
        unit = "booksync-secrets.service";
        place = cfg.dataDir;
      })
    ];

    systemd.services.booksync-secrets = {
      description = "Secrets of BookSync, made on the first start";
      environment = {
        SECRETS = folder;
        # where passwords that are made anew would lock everybody out
        DATABASE = "${cfg.dataDir}/postgres";
      };
      requires = [ "booksync-directories.service" ];
      after = [ "booksync-directories.service" ];
      script = builtins.readFile ./secrets.sh;
      # on a disk that comes late there are others
      unitConfig.RequiresMountsFor = [ cfg.dataDir ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        UMask = "0077";
        ProtectSystem = "strict";
        ReadWritePaths = [ cfg.dataDir ];
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateNetwork = true;
        NoNewPrivileges = true;
      };
    };
  };
}
