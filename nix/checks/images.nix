# Every image's layout, and its contract on both architectures: the foreign one runs under qemu-user, where an import of
# torch takes minutes.
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
  isLight = image: architecture: !(imageChecks.isHeavy image architecture);
  isLightEverywhere = image: builtins.all (isLight image) images.architectures;
in
imageChecks.layouts isLightEverywhere
// imageChecks.contracts (image: _: isLightEverywhere image)
// imageChecks.starts (
  image: architecture: isLight image architecture && !(isLightEverywhere image)
)
// imageChecks.reproducibility (image: _: isLightEverywhere image)
// imageChecks.sharing
// imageChecks.vectors
  {
    name = "vectors-architectures";
    tests = [ "architectures" ];
  }
  {
    inherit (images) architectures;
    names = [ "booksync-api-prediction-onnx" ];
  }
