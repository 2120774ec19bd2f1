# Bytes of layers, configs, manifests and indexes: unit tests of the steps, and a tiny image with a known digest.
{
  builders,
  lib,
  locks,
  platform,
}:
let
  goldenOf =
    builders:
    builders.mkImages {
      name = "golden-image";
      version = "1";
      images.tiny = {
        annotations."org.opencontainers.image.title" = "tiny";
        architectures = map (
          platform:
          builders.mkImage {
            name = "tiny";
            inherit (platform) architecture;
            created = "2026-01-01T00:00:00Z";
            annotations = { };
            config.User = "65532:65532";
            layers = [
              (builders.mkLayer {
                name = "tiny";
                tree = builders.mkFilesTree {
                  name = "tiny";
                  files = {
                    "usr/bin/hello" = {
                      source = ../../tests/bytes/fixture/hello;
                      executable = true;
                    };
                    "etc/accents-é.txt".source = ../../tests/bytes/fixture/accents.txt;
                  };
                  folders = [
                    "tmp"
                    "var/lib/data"
                  ];
                };
                permissions = {
                  tmp = {
                    mode = "1777";
                    owner = {
                      name = "root";
                      uid = 0;
                      gid = 0;
                    };
                  };
                  "var/lib/data" = {
                    mode = "0700";
                    owner = {
                      name = "postgres";
                      uid = 999;
                      gid = 999;
                    };
                  };
                };
              })
            ];
          }
        ) (builtins.attrValues lib.platforms);
      };
    };
in
{
  bytes-unit = builders.mkPytest {
    name = "bytes-unit";
    tests = [ "tests/bytes" ];
    sources = {
      "tests/bytes" = ../../tests/bytes;
      "nix/builders/booksync_build" = ../builders/booksync_build;
      "tests/lib" = ../../tests/lib;
    };
    pythonPath = [
      "nix/builders"
      "tests/lib"
    ];
    env = {
      BOOKSYNC_GOLDEN = goldenOf builders;
      BOOKSYNC_GOLDEN_ZSTD = goldenOf (
        import ../builders {
          inherit lib locks platform;
          compression = "zstd";
        }
      );
      BOOKSYNC_ZSTD = builtins.toJSON (builders.debianCommand builders.buildTools "usr/bin/zstd");
      BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
      BOOKSYNC_INSTALLER = builders.artifact "wheels amd64 installer";
    };
  };
}
