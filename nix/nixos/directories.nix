# Folders of the data, made when the disk is there that has them: one that is mounted late would hide what is made before.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.booksync;
  inherit ((import ../images/users.nix).postgres) uid gid;
in
{
  config = lib.mkIf cfg.enable {
    systemd.services.booksync-directories = {
      description = "Folders of BookSync's data";
      environment.DATA = cfg.dataDir;
      # the second is of who PostgreSQL runs as in its image, and perhaps a service of this machine, which the first keeps
      # out; what engines mount they reach as root
      script = ''
        install -d -m 0700 -o root -g root "$DATA"
        install -d -m 0700 -o ${toString uid} -g ${toString gid} "$DATA/postgres"
      '';
      unitConfig.RequiresMountsFor = [ cfg.dataDir ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
    };
  };
}
