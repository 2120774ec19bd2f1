# Table of contents: what makes derivations, for one builder platform. Each file names what it uses of the others.
{
  lib,
  locks,
  platform,
  # whether steps run as on a machine with other habits, which must not show in what they make
  isVaried ? false,
  # of layers: gzip, or zstd
  compression ? "gzip",
}:
lib.fix {
  arguments = {
    inherit
      lib
      locks
      platform
      isVaried
      compression
      ;
  };
  files = {
    # from the locks
    artifact = ./artifact.nix;
    # bootstrapping: what runs inside the sandbox
    busybox = ./busybox.nix;
    libc = ./libc.nix;
    libstdcxx = ./libstdcxx.nix;
    python = ./python.nix;
    mkPython = ./mkPython.nix;
    debianCommand = ./debianCommand.nix;
    buildTools = ./buildTools.nix;
    goTools = ./goTools.nix;
    bubblewrap = ./bubblewrap.nix;
    testTools = ./testTools.nix;
    vmTools = ./vmTools.nix;
    # trees: directories as they will stand under / of an image
    mkDebianTree = ./mkDebianTree.nix;
    mkBaseTree = ./mkBaseTree.nix;
    mkCpythonTree = ./mkCpythonTree.nix;
    mkWheelTree = ./mkWheelTree.nix;
    mkServiceTree = ./mkServiceTree.nix;
    mkModelTree = ./mkModelTree.nix;
    mkOnnxModelTree = ./mkOnnxModelTree.nix;
    mkPgvectorTree = ./mkPgvectorTree.nix;
    mkFilesTree = ./mkFilesTree.nix;
    # what goes with an image: of what it is made, and how
    mkInventory = ./mkInventory.nix;
    modelComponent = ./modelComponent.nix;
    mkReferrers = ./mkReferrers.nix;
    # OCI
    mkLayer = ./mkLayer.nix;
    mkImage = ./mkImage.nix;
    mkImages = ./mkImages.nix;
    # documentation
    mkDiagram = ./mkDiagram.nix;
    # tests
    mkPytest = ./mkPytest.nix;
    mkReport = ./mkReport.nix;
    mkVm = ./mkVm.nix;
  };
}
// {
  inherit compression;
}
