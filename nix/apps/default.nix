# What `nix run .#…` runs. `push` needs every image built, `push-NAME` only the one, `database` the builder's own.
{
  locks,
  platform,
  builders,
  images,
}:
let
  mkPush = import ./mkPush.nix { inherit platform builders; };
  toApp = derivation: {
    type = "app";
    program = "${derivation}/bin/${derivation.name}";
  };
  pushOf = images: toApp (mkPush { inherit images; });
in
{
  push = pushOf images.packages.images;
  database = toApp (import ./mkDatabase.nix { inherit locks platform builders images; });
}
// builtins.listToAttrs (
  map (name: {
    name = "push-${name}";
    value = pushOf images.packages.${name};
  }) images.names
)
