# Each service's pytest on its image's own CPython and wheels, with the database image's PostgreSQL;
# Prediction's on the slim image.
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
imageChecks.services {
  nameOf = service: "service-${service}-pytest";
  isWanted = image: !(builtins.any (isHeavy image) images.architectures);
}
