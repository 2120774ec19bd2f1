# What `nix run .#…` runs. `push`, `load` and `verify` need every image built, `push-NAME` and its like only the one.
{
  platform,
  builders,
  images,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    listToAttrs
    mapAttrs
    ;
  mkDatabase = import ./mkDatabase.nix { inherit platform builders; };
  mkUp = import ./mkUp.nix { inherit platform builders; };
  # the builder's architecture alone
  stack = mapAttrs (_: name: images.byArchitecture.${name}.${platform.architecture}) (
    import ../images/stack.nix
  );
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
    image = stack.postgres;
  });
  up = toApp (mkUp stack);
}
