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
  isHeavyAnywhere = image: builtins.any (isHeavy image) images.architectures;
in
imageChecks.layouts isHeavyAnywhere
// imageChecks.contracts isHeavy
// imageChecks.reproducibility (image: _: isHeavyAnywhere image)
// imageChecks.services {
  nameOf = service: "service-${service}-torch-pytest";
  isWanted = isHeavyAnywhere;
}
