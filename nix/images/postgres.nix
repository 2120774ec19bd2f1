# The database's image: base < locale < PostgreSQL < pgvector < entry point and initialisation.
{
  lib,
  locks,
  builders,
  users,
  base,
  mkOwnComponent,
}:
architecture:
let
  selection = (import ./selection.nix).debian;
  data = "var/lib/postgresql/data";
  share = "usr/local/share/booksync";
  owned = mode: {
    inherit mode;
    owner = users.postgres;
  };

  # of databases that the official image has made: libc's en_US.utf8, which nothing new here uses
  locale = builders.mkLayer {
    name = "locale-${architecture}";
    tree = builders.mkDebianTree {
      name = "locale-${architecture}";
      inherit architecture;
      packages = locks.debian.groups.locale.${architecture};
      drop = selection.drop ++ [ "usr/lib/locale" ];
      keep = selection.keep ++ map (path: "usr/lib/locale/${path}") [
        "en_US.utf8"
        # what its links lead to: Debian keeps equal files of its locales once
        "aa_DJ.utf8/LC_COLLATE"
        "aa_DJ.utf8/LC_CTYPE"
        "aa_ET/LC_NUMERIC"
        "bi_VU/LC_NAME"
        "chr_US/LC_MEASUREMENT"
        "chr_US/LC_MONETARY"
        "chr_US/LC_PAPER"
        "chr_US/LC_TELEPHONE"
        "en_AG/LC_MESSAGES/SYS_LC_MESSAGES"
      ];
    };
  };

  postgresql = builders.mkLayer {
    name = "postgresql-${architecture}";
    tree = builders.mkDebianTree {
      name = "postgresql-${architecture}";
      inherit architecture;
      packages =
        lib.subtractLists [ locks.debian.groups.base.${architecture} ]
          locks.debian.groups.postgres.${architecture};
      inherit (selection) drop keep;
    };
  };

  pgvector = builders.mkLayer {
    name = "pgvector-${architecture}";
    tree = builders.mkPgvectorTree { inherit architecture; };
  };

  entrypoint = builders.mkLayer {
    name = "postgres-entrypoint";
    tree = builders.mkFilesTree {
      name = "postgres-entrypoint";
      component = mkOwnComponent "booksync-postgres-entrypoint";
      files = {
        "usr/local/bin/docker-entrypoint.sh" = {
          source = ./postgres/docker-entrypoint.sh;
          executable = true;
        };
        "${share}/data-directory.sh".source = ./postgres/data-directory.sh;
        "${share}/memory.sh".source = ./postgres/memory.sh;
        "${share}/upgrade.sh".source = ./postgres/upgrade.sh;
        "${share}/init-db.sql".source = ../../deploy/init-db.sql;
        "${share}/init-db.sh" = {
          source = ../../deploy/init-db.sh;
          executable = true;
        };
      };
      folders = [
        data
        "run/postgresql"
        "docker-entrypoint-initdb.d"
      ];
    };
    permissions = {
      "var/lib/postgresql" = owned "0755";
      ${data} = owned "0700";
      # the server may run as any user
      "run/postgresql" = owned "1777";
    };
  };
in
{
  layers = [
    (base architecture)
    locale
    postgresql
    pgvector
    entrypoint
  ];

  config = {
    User = "${toString users.postgres.uid}:${toString users.postgres.gid}";
    WorkingDir = users.postgres.home;
    Entrypoint = [ "/usr/local/bin/docker-entrypoint.sh" ];
    Cmd = [ "postgres" ];
    Env = [
      "PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/bin:/usr/sbin"
      "LANG=C.UTF-8"
      "PGDATA=/${data}"
    ];
    ExposedPorts = {
      "5432/tcp" = { };
    };
    Volumes = {
      "/${data}" = { };
    };
    # fast shutdown: the default SIGTERM would wait for clients to leave
    StopSignal = "SIGINT";
    Healthcheck = import ./health.nix {
      test = "pg_isready -q -h 127.0.0.1 -U \"\${POSTGRES_USER:-postgres}\"";
      retries = 5;
    };
  };

  title = "BookSync PostgreSQL";
  description = "PostgreSQL 17 with pgvector, initialised for BookSync";
}
