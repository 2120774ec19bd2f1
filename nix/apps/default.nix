# What `nix run .#…` runs. `push`, `load` and `verify` need every image built, `push-NAME` and its like only the one.
{
  platform,
  builders,
  images,
}:
let
  inherit (builtins) attrNames concatMap listToAttrs;
  mkDatabase = import ./mkDatabase.nix { inherit platform builders; };
  mkUp = import ./mkUp.nix { inherit platform builders; };
  # the builder's architecture alone
  imageOf = name: images.byArchitecture.${name}.${platform.architecture};
  ofImages = {
    load = import ./mkLoad.nix { inherit platform builders; };
    push = import ./mkPush.nix { inherit platform builders; };
    verify = import ./mkVerify.nix { inherit platform builders; };
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
  archive = toApp (import ./mkArchive.nix { inherit platform builders; });
  database = toApp (mkDatabase {
    image = imageOf "booksync-postgres";
  });
  up = toApp (mkUp {
    postgres = imageOf "booksync-postgres";
    auth = imageOf "booksync-api-auth";
    data = imageOf "booksync-api-data";
    prediction = imageOf "booksync-api-prediction-onnx";
  });
}
