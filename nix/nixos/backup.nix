# Backups by deploy/scripts, which verify what they have saved.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.booksync;
  members = import ./services.nix;
  backend = config.virtualisation.oci-containers.backend;
  directory =
    if cfg.backup.directory == null then "${cfg.dataDir}/backups" else cfg.backup.directory;
in
{
  config = lib.mkIf (cfg.enable && cfg.backup.enable) {
    assertions = [
      (import ./notAtHome.nix {
        option = "services.booksync.backup.directory";
        unit = "booksync-backup.service";
        place = directory;
      })
    ];

    systemd.services.booksync-backup = {
      description = "Backup of BookSync's database";
      inherit (cfg.backup) startAt;
      requires = [ "${backend}-booksync-postgres.service" ];
      after = [ "${backend}-booksync-postgres.service" ];
      path = [
        config.virtualisation.${backend}.package
        # flock
        pkgs.util-linux
      ];
      unitConfig = {
        RequiresMountsFor = [ directory ];
        # longer than all tries take, or they would have no end
        StartLimitIntervalSec = "12h";
        StartLimitBurst = 5;
      };
      environment = {
        CONTAINER_ENGINE = backend;
        KEEP_DAYS = toString cfg.backup.keepDays;
        KEEP_COUNT = toString cfg.backup.keepCount;
      };
      serviceConfig = {
        Type = "oneshot";
        # the keys, where the Auth API cannot be asked; without one of the files it may still be
        EnvironmentFile = map (
          file: "-${toString file}"
        ) config.virtualisation.oci-containers.containers.${members.auth.container}.environmentFiles;
        ExecStart = "${pkgs.bash}/bin/bash ${../../deploy/scripts}/backup.sh ${directory}";
        # a folder that is not there is made, for root alone
        UMask = "0077";
        Nice = 10;
        IOSchedulingClass = "idle";
        TimeoutStartSec = "2h";
        # one that a machine catches up with may start before the database answers
        Restart = "on-failure";
        RestartSec = "2min";
        ProtectHome = true;
        NoNewPrivileges = true;
      };
    };
    systemd.timers.booksync-backup.timerConfig = {
      # a machine that was off makes it when it is on again
      Persistent = true;
      RandomizedDelaySec = "15min";
    };
  };
}
