# What `nix run .#…` runs. `push` and `load` need every image built, `push-NAME` and `load-NAME` only the one.
{
  platform,
  builders,
  images,
}:
let
  inherit (builtins) attrNames concatMap listToAttrs;
  mkDatabase = import ./mkDatabase.nix { inherit platform builders; };
  ofImages = {
    load = import ./mkLoad.nix { inherit platform builders; };
    push = import ./mkPush.nix { inherit platform builders; };
  };
  toApp = derivation: {
    type = "app";
    program = "${derivation}/bin/${derivation.name}";
  };
  appsOf =
    app:
    [
      {
        name = app;
        value = toApp (ofImages.${app} { images = images.packages.images; });
      }
    ]
    ++ map (name: {
      name = "${app}-${name}";
      value = toApp (ofImages.${app} { images = images.packages.${name}; });
    }) images.names;
in
listToAttrs (concatMap appsOf (attrNames ofImages))
// {
  # the builder's architecture alone
  database = toApp (mkDatabase {
    image = images.byArchitecture.booksync-postgres.${platform.architecture};
  });
}
