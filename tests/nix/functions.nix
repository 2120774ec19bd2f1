# nix/lib gives what its documentation says: function -> [ { expr, expected } ].
{ lib }:
let
  fails = expr: !(builtins.tryEval (builtins.deepSeq expr expr)).success;
in
{
  platforms = [
    {
      expr = builtins.attrNames lib.platforms;
      expected = [
        "aarch64-linux"
        "x86_64-linux"
      ];
    }
    {
      expr = builtins.attrValues (builtins.mapAttrs (name: value: value.system == name) lib.platforms);
      expected = [
        true
        true
      ];
    }
  ];

  platformOf = [
    {
      expr = (lib.platformOf "arm64").system;
      expected = "aarch64-linux";
    }
    {
      expr = (lib.platformOf "arm64").variant;
      expected = "v8";
    }
    {
      expr = fails (lib.platformOf "riscv64");
      expected = true;
    }
  ];

  toStoreName = [
    {
      expr = lib.toStoreName "libc6_2.41-12_amd64.deb";
      expected = "libc6_2.41-12_amd64.deb";
    }
    {
      expr = lib.toStoreName "a~rc1+b@c%3a1.deb";
      expected = "a-rc1+b-c-3a1.deb";
    }
  ];

  subtractLists = [
    {
      expr = lib.subtractLists [ [ 1 ] [ 3 ] ] [ 1 2 3 4 ];
      expected = [
        2
        4
      ];
    }
    {
      expr = lib.subtractLists [ ] [ 1 ];
      expected = [ 1 ];
    }
  ];

  isPureWheel = [
    {
      expr = lib.isPureWheel "fastapi-0.165.0-py3-none-any.whl";
      expected = true;
    }
    {
      expr = lib.isPureWheel "torch-2.10.0-cp312-cp312-manylinux_2_28_x86_64.whl";
      expected = false;
    }
  ];

  parseLocks =
    let
      entry = {
        version = "1";
        path = "pool/a~1_amd64.deb";
        sha256 = "00";
      };
      artifacts = lib.parseLocks {
        debian = {
          packages.amd64.a = entry;
          busybox.amd64.narHash = "sha256-AA=";
        };
        wheels.wheels.arm64.b = {
          file = "b-1-py3-none-any.whl";
          sha256 = "01";
        };
        python = {
          file = "python.zip";
          sha256 = "02";
        };
        go.vendor = {
          name = "go-vendor";
          narHash = "sha256-BB=";
        };
        model = {
          file = "model.whl";
          sha256 = "03";
        };
        pgvector = entry;
      };
    in
    [
      {
        expr = builtins.attrNames artifacts;
        expected = [
          "busybox amd64"
          "debian amd64 a"
          "go"
          "model"
          "pgvector"
          "python"
          "wheels arm64 b"
        ];
      }
      {
        expr = artifacts."debian amd64 a";
        expected = {
          name = "a-1_amd64.deb";
          hash = "00";
          mode = "flat";
        };
      }
      {
        expr = artifacts."busybox amd64";
        expected = {
          name = "busybox-amd64";
          hash = "sha256-AA=";
          mode = "recursive";
        };
      }
    ];

  fix = [
    {
      expr =
        (lib.fix {
          arguments.base = 40;
          files = {
            answer = ./fix/answer.nix;
            two = ./fix/two.nix;
          };
        }).answer;
      expected = 42;
    }
  ];
}
