# What stands in deploy/, by the tools that will read it: compose, nginx, promtool and shellcheck are Debian's, locked.
{
  locks,
  platform,
  builders,
  testTools,
}:
let
  inherit (builtins) mapAttrs toJSON;

  tree =
    group:
    import ./toolTree.nix { inherit locks builders; } {
      inherit group;
      inherit (platform) architecture;
    };
  command = group: program: toJSON (builders.debianCommand (tree group) program);

  mkCheck =
    name:
    {
      tests,
      groups ? [ "test" ],
      wheels ? [ ],
      pythonPath ? [ ],
      sources ? { },
      env,
    }:
    builders.mkPytest {
      inherit
        name
        groups
        wheels
        env
        ;
      tests = map (test: "tests/deploy/${test}") tests;
      pythonPath = [ "tests/lib" ] ++ pythonPath;
      sources = {
        "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
        "tests/deploy" = ../../tests/deploy;
        "deploy" = ../../deploy;
      }
      // sources;
    };

  # the services themselves, for what they can be told and where they answer
  withServices = import ./withServices.nix { inherit builders; };

  compose = "usr/libexec/docker/cli-plugins/docker-compose";
  sandboxEnv = {
    BOOKSYNC_TEST_TOOLS = testTools;
    BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
  };
in
mapAttrs mkCheck {
  deploy-compose = withServices // {
    tests = [
      "test_compose.py"
      "test_variables.py"
    ];
    sources = withServices.sources // {
      "compose.yaml" = ../../compose.yaml;
    };
    env = withServices.env // {
      BOOKSYNC_COMPOSE = command "compose" compose;
    };
  };
  deploy-nginx = withServices // {
    tests = [ "nginx" ];
    env =
      withServices.env
      // sandboxEnv
      // {
        BOOKSYNC_NGINX_ROOT = tree "nginx";
      };
  };
  deploy-kubernetes = withServices // {
    tests = [ "test_kubernetes.py" ];
    groups = withServices.groups ++ [ "kubernetes" ];
    env = withServices.env // {
      BOOKSYNC_KUBECTL = command "kubectl" "usr/bin/kubectl";
    };
  };
  deploy-monitoring = withServices // {
    tests = [ "test_monitoring.py" ];
    env = withServices.env // {
      BOOKSYNC_COMPOSE = command "compose" compose;
      BOOKSYNC_PROMTOOL = command "promtool" "usr/bin/promtool";
    };
  };
  deploy-scripts = {
    tests = [ "scripts" ];
    sources."nix/images/release.nix" = ../images/release.nix;
    env = sandboxEnv // {
      # bash and GNU's programs, as a server has them
      BOOKSYNC_SYSTEM = tree "server";
      BOOKSYNC_SHELLCHECK = command "shellcheck" "usr/bin/shellcheck";
    };
  };
}
