# The images, as Nix packages: all, each, and each for one architecture.
{
  lib,
  locks,
  builders,
}:
let
  release = import ./release.nix;
  # of packages' names: the usual compression has none
  ending = if builders.compression == "gzip" then "" else "-${builders.compression}";
  packageOf = name: architecture: "${name}-${architecture}${ending}";
  users = builtins.mapAttrs (name: user: user // { inherit name; }) (import ./users.nix);
  # an entry of bills of materials for what this repository has made
  mkOwnComponent = name: {
    inherit name;
    inherit (release) version;
    purl = "pkg:generic/${name}@${release.version}";
    supplier = "BookSync";
    licence = "MIT";
    purpose = "application";
  };
  base = import ./base.nix { inherit builders users mkOwnComponent; };
  parts = {
    inherit
      lib
      locks
      builders
      users
      base
      mkOwnComponent
      ;
  };
  api = import ./api.nix parts;

  # name -> architecture -> { layers, config, title, description }
  definitions = {
    booksync-postgres = import ./postgres.nix parts;
  }
  // builtins.listToAttrs (
    map (name: {
      name = "booksync-api-${name}";
      value = api name services.${name};
    }) (builtins.attrNames services)
  );
  services = import ./services.nix;
  # image -> the service that it runs
  servicesOf = builtins.listToAttrs (
    map (name: {
      name = "booksync-api-${name}";
      value = services.${name}.service or name;
    }) (builtins.attrNames services)
  );

  architectures = map (platform: platform.architecture) (builtins.attrValues lib.platforms);

  annotationsOf = definition: {
    "org.opencontainers.image.title" = definition.title;
    "org.opencontainers.image.description" = definition.description;
    "org.opencontainers.image.version" = release.version;
    "org.opencontainers.image.created" = release.created;
    "org.opencontainers.image.vendor" = "BookSync";
  };

  mkArchitecture =
    name: define: architecture:
    let
      definition = define architecture;
      annotations = annotationsOf definition;
    in
    builders.mkImage {
      inherit name architecture annotations;
      inherit (definition) layers;
      inherit (release) created;
      config = definition.config // {
        Labels = annotations;
      };
    };

  byArchitecture = builtins.mapAttrs (
    name: define:
    builtins.listToAttrs (
      map (architecture: {
        name = architecture;
        value = mkArchitecture name define architecture;
      }) architectures
    )
  ) definitions;

  mkReferrers =
    name: architecture: image:
    builders.mkReferrers {
      inherit name image;
      repository = if servicesOf ? ${name} then "booksync-api-${servicesOf.${name}}" else name;
      package = packageOf name architecture;
      inherit (release) version created;
      sources = import ./sources.nix (servicesOf.${name} or null);
      vulnerabilities = import ./vulnerabilities.nix;
    };

  gathered = builtins.mapAttrs (name: images: {
    architectures = builtins.attrValues images;
    referrers = builtins.attrValues (builtins.mapAttrs (mkReferrers name) images);
    annotations = annotationsOf (definitions.${name} (builtins.head architectures));
  }) byArchitecture;

  gather =
    name: images:
    builders.mkImages {
      inherit name images;
      inherit (release) version;
    };
  all = gather "images" gathered;
in
{
  inherit architectures byArchitecture;
  names = builtins.attrNames definitions;
  services = servicesOf;

  packages = {
    "images${ending}" = all;
    default = all;
  }
  // builtins.listToAttrs (
    builtins.concatMap (
      name:
      [
        {
          name = "${name}${ending}";
          value = gather name { ${name} = gathered.${name}; };
        }
      ]
      ++ map (architecture: {
        name = packageOf name architecture;
        value = byArchitecture.${name}.${architecture};
      }) architectures
    ) (builtins.attrNames definitions)
  );
}
