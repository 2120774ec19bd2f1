# Everything of the flake for one builder platform.
{ system }:
let
  lib = import ./lib;
  platform = lib.platforms.${system};
  readLock = name: builtins.fromJSON (builtins.readFile (./lock + "/${name}.json"));
  locks = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = readLock name;
      })
      [
        "debian"
        "wheels"
        "python"
        "go"
        "model"
        "pgvector"
      ]
  );
  builders = import ./builders { inherit lib locks platform; };
  images = import ./images { inherit lib locks builders; };
  # the images as other builders make them
  imagesBy =
    arguments:
    import ./images {
      inherit lib locks;
      builders = import ./builders ({ inherit lib locks platform; } // arguments);
    };
  variedImages = imagesBy { isVaried = true; };
  # docs/architecture.svg; amd64's images whoever draws it, as they have layers that arm64's have not
  architecture = builders.mkDiagram {
    images = builtins.mapAttrs (_: image: image.amd64) images.byArchitecture;
    running = [
      "booksync-api-auth"
      "booksync-api-data"
      "booksync-api-prediction"
    ];
    database = "booksync-postgres";
  };
  apps = import ./apps { inherit platform builders images; };
  # gzip's `default` is the flake's
  imagePackages = (imagesBy { compression = "zstd"; }).packages // images.packages;
in
{
  packages =
    imagePackages
    // import ./develop.nix { inherit locks platform builders; }
    // {
      inherit architecture;
    };
  inherit
    (import ./checks {
      inherit
        lib
        locks
        platform
        builders
        images
        variedImages
        imagePackages
        architecture
        apps
        ;
    })
    checks
    longChecks
    ;
  inherit apps;
  # what nix/nixos runs
  nixosImages = import ./nixos/images.nix { inherit platform builders images; };
}
