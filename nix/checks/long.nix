# What `./bootstrap check --long` adds: the image with torch, whose CUDA wheels amd64 needs, and what takes long.
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
// imageChecks.contracts (image: _: isHeavyAnywhere image)
// imageChecks.reproducibility (image: _: isHeavyAnywhere image)
// imageChecks.services {
  nameOf = service: "service-${service}-torch-pytest";
  isWanted = isHeavyAnywhere;
}
// imageChecks.vectors
  {
    name = "vectors-sentence-transformers";
    tests = [ "sentence_transformers" ];
  }
  {
    architectures = [ platform.architecture ];
    names = [
      "booksync-api-prediction"
      "booksync-api-prediction-onnx"
    ];
  }
# tens of thousands of made-up requests, instead of some hundreds
// imageChecks.services {
  nameOf = service: "service-${service}-requests-pytest";
  isWanted = image: !(isHeavyAnywhere image);
  env.BOOKSYNC_EXAMPLES = "1000";
}
