# What `./bootstrap check --long` adds: the images that need amd64's CUDA wheels.
{
  locks,
  platform,
  builders,
  images,
  variedImages,
  testTools,
}:
let
  imageChecks = import ./imageChecks.nix {
    inherit
      locks
      platform
      builders
      images
      variedImages
      testTools
      ;
  };
  inherit (imageChecks) isHeavy;
in
imageChecks.layouts (image: builtins.any (isHeavy image) images.architectures)
// imageChecks.contracts isHeavy
// imageChecks.reproducibility isHeavy
