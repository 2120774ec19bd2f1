# What people expect of the database image: on the builder's architecture, and the rest of the other one in `check --long`,
# where storms are long as well.
{
  locks,
  platform,
  builders,
  images,
  testTools,
}:
let
  inherit (builtins) concatMap filter listToAttrs;

  # check -> files of tests/postgres
  subjects = {
    entrypoint = [
      "settings"
      "commands"
      "scripts"
      "users"
      "directory"
      "memory"
    ];
    initialisation = [
      "initialisation"
      "isolation"
    ];
    services = [ "services" ];
    upgrade = [ "upgrade" ];
    backup = [ "backup" ];
    storm = [
      "storm"
      "disk_full"
    ];
  };

  # what one subject alone stands on: a change of a service runs none of the others again
  extras = {
    storm.wheels = [ "asyncpg" ];
    # whose migrations run
    services = import ./withServices.nix { inherit builders; };
  };

  # how often the server is killed in the middle of writes; emulation is some twenty times slower
  shortRounds = {
    amd64 = 2;
    arm64 = 1;
  };
  longRounds = {
    amd64 = 20;
    arm64 = 2;
  };

  # of the host on which scripts run, in a test the image's root
  utilLinux =
    architecture:
    builders.mkDebianTree {
      name = "util-linux-${architecture}";
      inherit architecture;
      packages = [ "util-linux" ];
    };

  mkCheck =
    {
      name,
      architecture,
      subject,
      rounds,
    }:
    let
      extra = extras.${subject} or { };
    in
    {
      inherit name;
      value = builders.mkPytest {
        inherit name;
        tests = map (file: "tests/postgres/test_${file}.py") subjects.${subject};
        groups = extra.groups or [ "test" ];
        wheels = extra.wheels or [ ];
        pythonPath = extra.pythonPath or [ ];
        sources = {
          "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
          "tests/postgres" = ../../tests/postgres;
          "deploy/scripts" = ../../deploy/scripts;
          "deploy/init-db.sql" = ../../deploy/init-db.sql;
        }
        // extra.sources or { };
        env = {
          BOOKSYNC_IMAGES = import ./mkLayouts.nix { inherit builders; } images {
            names = [ "booksync-postgres" ];
            architectures = [ architecture ];
          };
          BOOKSYNC_ARCH = architecture;
          BOOKSYNC_TEST_TOOLS = testTools;
          BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
          BOOKSYNC_FLOCK = "${utilLinux architecture}/usr/bin/flock";
          BOOKSYNC_ROUNDS = toString rounds.${architecture};
          BOOKSYNC_OLD_PGVECTOR = builders.mkDebianTree {
            name = "pgvector-old-${architecture}";
            inherit architecture;
            packages = locks.debian.groups.pgvector-old.${architecture};
          };
        }
        // extra.env or { };
      };
    };
  # subjects of the other architecture, each of whose many starts takes its time under emulation, are for `check --long`
  isQuick =
    subject: architecture:
    architecture == platform.architecture
    || builtins.elem subject [
      "storm"
      "upgrade"
    ];

  checksOf =
    isWanted:
    listToAttrs (
      concatMap (
        subject:
        map (
          architecture:
          mkCheck {
            name = "postgres-${subject}-${architecture}";
            inherit architecture subject;
            rounds = shortRounds;
          }
        ) (filter (isWanted subject) images.architectures)
      ) (builtins.attrNames subjects)
    );
in
{
  checks = checksOf isQuick;
  longChecks =
    checksOf (subject: architecture: !(isQuick subject architecture))
    // listToAttrs (
      map (
        architecture:
        mkCheck {
          name = "postgres-storm-${architecture}-long";
          inherit architecture;
          subject = "storm";
          rounds = longRounds;
        }
      ) images.architectures
    );
}
