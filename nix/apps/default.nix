# What `nix run .#…` runs. `push` needs every image built, `push-NAME` only the one, `database` the builder's own.
{
  platform,
  builders,
  images,
}:
let
  mkPush = import ./mkPush.nix { inherit platform builders; };
  mkDatabase = import ./mkDatabase.nix { inherit platform builders; };
  toApp = derivation: {
    type = "app";
    program = "${derivation}/bin/${derivation.name}";
  };
  pushOf = images: toApp (mkPush { inherit images; });
in
{
  push = pushOf images.packages.images;
  database = toApp (mkDatabase {
    image = images.byArchitecture.booksync-postgres.${platform.architecture};
  });
}
// builtins.listToAttrs (
  map (name: {
    name = "push-${name}";
    value = pushOf images.packages.${name};
  }) images.names
)
