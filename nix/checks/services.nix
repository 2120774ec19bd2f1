# Each service's pytest on its image's own CPython and wheels, with the database image's PostgreSQL.
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
  inherit (builtins) filter head;

  # the builder's own architecture where its image is light, else the other one, under qemu-user
  preferred = [
    platform.architecture
  ]
  ++ filter (architecture: architecture != platform.architecture) images.architectures;
in
imageChecks.services (
  image: head (filter (architecture: !(imageChecks.isHeavy image architecture)) preferred)
)
