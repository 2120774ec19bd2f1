# The images in a container engine of a virtual machine: run by the guide's own lines and by deploy/, and broken there.
{
  locks,
  platform,
  builders,
  images,
  testTools,
}:
let
  inherit (builtins)
    attrNames
    attrValues
    lessThan
    listToAttrs
    readDir
    removeAttrs
    sort
    ;
  release = import ../images/release.nix;
  mkPush = import ../apps/mkPush.nix { inherit platform builders; };
  mkVerify = import ../apps/mkVerify.nix { inherit platform builders; };

  # in this order: each leaves the machine as the next one expects it
  day = [
    "loading"
    "guide"
    "root"
    "family_day"
    "nginx"
  ];
  breaking = [
    "hardening"
    "isolation"
    "database_killed"
    "disk_full"
    "power_cut"
  ];
  # minutes each, where a processor is emulated
  lasting = [
    "busy"
    "health"
    "services_killed"
    "upgrade"
    "backup"
    "release"
  ];
  # what all of these have sent
  end = [ "no_network" ];

  # a change of documents, or of what is for a cluster, starts no machine
  deployment = listToAttrs (
    map
      (name: {
        name = "deploy/${name}";
        value = ../../deploy + "/${name}";
      })
      (
        attrNames (
          removeAttrs (readDir ../../deploy) [
            "README.md"
            "database.md"
            "kubernetes"
          ]
        )
      )
  );

  layoutsOf =
    architecture:
    import ./mkLayouts.nix { inherit builders; } images {
      names = sort lessThan (attrValues (import ../images/stack.nix));
      architectures = [ architecture ];
    };

  mkStack =
    {
      name,
      architecture,
      scenarios,
    }:
    let
      layouts = layoutsOf architecture;
    in
    builders.mkPytest {
      inherit name;
      tests = map (scenario: "tests/stack/test_${scenario}.py") scenarios;
      sources = deployment // {
        "nix/apps/booksync_apps" = ../apps/booksync_apps;
        "tests/lib" = ../../tests/lib;
        "tests/stack" = ../../tests/stack;
        "docs/guide.fr.md" = ../../docs/guide.fr.md;
        "services/common/tests/lib" = ../../services/common/tests/lib;
      };
      pythonPath = [
        "nix/apps"
        "tests/lib"
        "services/common/tests/lib"
      ];
      env = {
        BOOKSYNC_ARCH = architecture;
        BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
        BOOKSYNC_IMAGES = layouts;
        BOOKSYNC_NGINX_ROOT = import ./toolTree.nix { inherit locks builders; } {
          group = "nginx";
          inherit architecture;
        };
        BOOKSYNC_PUSH = "${mkPush { images = layouts; }}/bin/push";
        # for a machine of the builder's architecture
        BOOKSYNC_REGISTRY = "${testTools}/usr/bin/docker-registry";
        BOOKSYNC_VERIFY = "${mkVerify { images = layouts; }}/bin/verify";
        BOOKSYNC_VERSION = release.version;
        BOOKSYNC_VM = builders.mkVm { inherit architecture; };
        BOOKSYNC_VM_TOOLS = builders.vmTools;
      };
    };
in
{
  checks.stack-vm = mkStack {
    name = "stack-vm";
    inherit (platform) architecture;
    scenarios = day ++ breaking ++ end;
  };
  longChecks = {
    stack-vm-long = mkStack {
      name = "stack-vm-long";
      inherit (platform) architecture;
      scenarios = day ++ breaking ++ lasting ++ end;
    };
  }
  # a day on a machine of the other architecture, from its kernel up
  // listToAttrs (
    map (architecture: rec {
      name = "stack-vm-${architecture}";
      value = mkStack {
        inherit name architecture;
        scenarios = [
          "loading"
          "family_day"
        ];
      };
    }) (builtins.filter (architecture: architecture != platform.architecture) images.architectures)
  );
}
