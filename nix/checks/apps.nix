# `.#push` against a real registry on loopback: its errors with tiny images, and the light images of the flake as they are;
# `.#load` into stand-ins of container engines; `.#database` and `.#up` with the images that they run. Programs are those
# of the flake, as `nix run` starts them.
{
  builders,
  images,
  apps,
  testTools,
}:
let
  inherit (builtins)
    concatStringsSep
    filter
    head
    toJSON
    ;
  heavy = import ./heavyImages.nix;
  light = filter (name: !(heavy ? ${name})) images.names;
  command = program: toJSON (builders.debianCommand testTools "usr/bin/${program}");

  # more than one, so that only those wait for images that run them
  mkCheck =
    {
      name,
      tests,
      groups ? [ "test" ],
      env ? { },
    }:
    builders.mkPytest {
      inherit name groups;
      tests = map (test: "tests/apps/test_${test}.py") tests;
      sources = {
        "nix/apps/booksync_apps" = ../apps/booksync_apps;
        "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
        "tests/apps" = ../../tests/apps;
      };
      pythonPath = [
        "nix/apps"
        "tests/lib"
      ];
      env = {
        BOOKSYNC_ORAS = "${builders.goTools}/bin/oras";
        BOOKSYNC_DOCKER_REGISTRY = command "docker-registry";
        BOOKSYNC_SKOPEO = command "skopeo";
        BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
      }
      // env;
    };
in
{
  apps-database = mkCheck {
    name = "apps-database";
    tests = [ "database" ];
    # asyncpg, as the services have it
    groups = [
      "test"
      "auth"
    ];
    env.BOOKSYNC_DATABASE = apps.database.program;
  };
  apps-up = mkCheck {
    name = "apps-up";
    tests = [
      "up_parts"
      "up_refusals"
      "up"
    ];
    env = {
      BOOKSYNC_BWRAP = command "bwrap";
      BOOKSYNC_UP = apps.up.program;
    };
  };
  apps-archive = mkCheck {
    name = "apps-archive";
    tests = [ "archive_app" ];
    env.BOOKSYNC_ARCHIVE = apps.archive.program;
  };
  apps-load = mkCheck {
    name = "apps-load";
    tests = [
      "load"
      "stream"
    ];
  };
  registry-push-faults = mkCheck {
    name = "registry-push-faults";
    tests = [
      "parts"
      "push"
      "failures"
      "push_artifacts"
      "tree_difference"
      "verify"
    ];
  };
  registry-push-pull = mkCheck {
    name = "registry-push-pull";
    tests = [
      "command"
      "images"
      "signatures"
    ];
    # cryptography, as the services have it
    groups = [
      "test"
      "auth"
    ];
    env = {
      BOOKSYNC_PUSH = apps."push-${head light}".program;
      BOOKSYNC_TEST_IMAGES = concatStringsSep ":" (map (name: images.packages.${name}) light);
    };
  };
}
