# The database's image: base < PostgreSQL < pgvector < entry point and initialisation.
{
  lib,
  locks,
  builders,
  users,
  base,
}:
architecture:
let
  selection = (import ./selection.nix).debian;
  data = "var/lib/postgresql/data";
  owned = mode: {
    inherit mode;
    owner = users.postgres;
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
      files = {
        "usr/local/bin/docker-entrypoint.sh" = {
          source = ./postgres/docker-entrypoint.sh;
          executable = true;
        };
        "usr/local/share/booksync/init-db.sql".source = ./postgres/init-db.sql;
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
      "run/postgresql" = owned "0755";
    };
  };
in
{
  layers = [
    (base architecture)
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
    Healthcheck = {
      Test = [
        "CMD-SHELL"
        "pg_isready -q -h 127.0.0.1 -U \"\${POSTGRES_USER:-postgres}\""
      ];
      Interval = 10 * 1000000000; # ns
      Timeout = 5 * 1000000000;
      StartPeriod = 60 * 1000000000;
      Retries = 5;
    };
  };

  title = "BookSync PostgreSQL";
  description = "PostgreSQL 17 with pgvector, initialised for BookSync";
}
