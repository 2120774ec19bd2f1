# `.#push` against a real registry on loopback: its errors with tiny images, and the light images of the flake as they are;
# `.#load` into stand-ins of container engines; `.#database` and `.#up` with the images that they run.
{
  platform,
  builders,
  images,
  testTools,
}:
let
  inherit (builtins) concatStringsSep filter toJSON;
  heavy = import ./heavyImages.nix;
  light = map (name: images.packages.${name}) (filter (name: !(heavy ? ${name})) images.names);

  mkPush = import ../apps/mkPush.nix { inherit platform builders; };
  mkDatabase = import ../apps/mkDatabase.nix { inherit platform builders; };
  mkUp = import ../apps/mkUp.nix { inherit platform builders; };
  imageOf = name: images.byArchitecture.${name}.${platform.architecture};
  command = program: toJSON (builders.debianCommand testTools "usr/bin/${program}");

  # two checks, so that only one of them waits for images
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
    env.BOOKSYNC_DATABASE = "${mkDatabase { image = imageOf "booksync-postgres"; }}/bin/database";
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
      BOOKSYNC_UP = "${
        mkUp {
          postgres = imageOf "booksync-postgres";
          auth = imageOf "booksync-api-auth";
          data = imageOf "booksync-api-data";
          prediction = imageOf "booksync-api-prediction-onnx";
        }
      }/bin/up";
    };
  };
  apps-archive = mkCheck {
    name = "apps-archive";
    tests = [ "archive_app" ];
    env.BOOKSYNC_ARCHIVE = "${
      import ../apps/mkArchive.nix { inherit platform builders; }
    }/bin/archive";
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
      BOOKSYNC_PUSH = "${mkPush { images = builtins.head light; }}/bin/push";
      BOOKSYNC_TEST_IMAGES = concatStringsSep ":" light;
    };
  };
}
