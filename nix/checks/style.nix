# Formatting, lint and types of every Python file, with the configuration of pyproject.toml.
{
  locks,
  platform,
  builders,
}:
let
  # what a clean clone has of Python, as one source
  source = builtins.path {
    name = "python-source";
    path = ../..;
    filter =
      path: type:
      let
        name = builtins.baseNameOf path;
      in
      if type == "directory" then
        !(builtins.elem name [
          ".git"
          ".venv"
          ".nix-roots"
          "lock"
          "__pycache__"
        ])
      else
        name == "pyproject.toml"
        || name == "py.typed"
        || builtins.match ".*\\.(py|pyi)" name != null;
  };

  wheelTree =
    group:
    builders.mkWheelTree {
      name = "wheels-${group}-${platform.architecture}";
      inherit (platform) architecture;
      # types of the web stack are enough: torch's are 4 GB with CUDA
      wheels = locks.wheels.groups.${group}.${platform.architecture};
    };
  site = map wheelTree [
    "lint"
    "test"
    "auth"
    "data"
    "prediction-onnx"
    "model"
    "supply"
    "build"
  ];

  mkStyle =
    name: command:
    builders.mkPython {
      inherit name source command;
      site = [ (builtins.head site) ];
      module = "style";
      python = builders.python.command;
      busybox = "${builders.busybox}/bin/busybox";
      libraries = "${builders.libc}/usr/lib/${platform.triplet}";
      inherit (platform) loader;
      imports = site;
    };
in
{
  formatting = mkStyle "formatting" [
    "ruff"
    "format"
    "--check"
    "--diff"
    "."
  ];
  lint = mkStyle "lint" [
    "ruff"
    "check"
    "--output-format=concise"
    "."
  ];
  types = mkStyle "types" [ "mypy" ];
}
