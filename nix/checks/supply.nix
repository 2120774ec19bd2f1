# What goes with the images: the documents of the light ones, on both architectures, and the steps that make them.
{
  builders,
  images,
  variedImages,
  imagePackages,
}:
let
  inherit (builtins)
    attrValues
    concatMap
    filter
    listToAttrs
    ;
  heavy = import ./heavyImages.nix;
  isLight = name: !(heavy ? ${name});

  mkCheck =
    {
      name,
      tests,
      env ? { },
    }:
    {
      inherit name;
      value = builders.mkPytest {
        inherit name env;
        tests = map (test: "tests/supply/test_${test}.py") tests;
        groups = [
          "test"
          "supply"
        ];
        sources = {
          "nix/builders/booksync_build" = ../builders/booksync_build;
          "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
          "tests/supply" = ../../tests/supply;
        };
        pythonPath = [
          "nix/builders"
          "tests/lib"
        ];
      };
    };

  documentTests = [
    "artifacts"
    "bills"
    "provenance"
  ];
  documentsOf =
    { tests, env }:
    name:
    mkCheck {
      inherit tests;
      name = "supply-${import ./shortOf.nix name}-documents";
      env = {
        BOOKSYNC_IMAGES = images.packages.${name};
        BOOKSYNC_IMAGE = name;
      }
      // env name;
    };

  # paths that definitions of images read outside their own folder, and provenance does not name
  unnamed =
    let
      inherit (builtins) attrNames isList readDir;
      sources = concatMap (service: attrNames (import ../images/sources.nix service)) (
        [ null ] ++ attrValues images.services
      );
      hasStart = start: path: builtins.substring 0 (builtins.stringLength start) path == start;
      # a folder that a service's name is added to is above its sources
      isNamed =
        path:
        builtins.any (
          source: source == path || hasStart "${source}/" path || hasStart "${path}/" source
        ) sources;
      isRead = file: builtins.match ".*\\.nix" file != null && file != "sources.nix";
      pathsOf =
        file:
        map builtins.head (
          filter isList (
            builtins.split "\\.\\./\\.\\./([A-Za-z0-9._/-]+)" (builtins.readFile (../images + "/${file}"))
          )
        );
    in
    concatMap (
      file:
      map (path: "nix/images/${file} reads ${path}, which is not in nix/images/sources.nix") (
        filter (path: !isNamed path) (pathsOf file)
      )
    ) (filter isRead (attrNames (readDir ../images)));

  # what the command in an image's provenance builds is not that image
  misnamed = concatMap (
    all:
    concatMap (
      image:
      concatMap (
        referrers:
        let
          # the names alone: nothing has to be built to compare them
          pathOf = image: builtins.unsafeDiscardStringContext image.drvPath;
          expected = pathOf referrers.image;
          found =
            if imagePackages ? ${referrers.package} then
              pathOf imagePackages.${referrers.package}
            else
              "no package";
        in
        if found == expected then [ ] else [ "${referrers.package}: expected ${expected}, got ${found}" ]
      ) image.referrers
    ) (attrValues all.images)
  ) [ imagePackages.images imagePackages.images-zstd ];
in
{
  checks = listToAttrs (
    [
      {
        name = "supply-commands";
        value = builders.mkReport {
          name = "supply-commands";
          failures = misnamed;
        };
      }
      {
        name = "supply-sources";
        value = builders.mkReport {
          name = "supply-sources";
          failures = unnamed;
        };
      }
      (mkCheck {
        name = "supply-unit";
        tests = [
          "inputs"
          "inventory"
          "licences"
          "names"
        ];
      })
    ]
    ++ map (documentsOf {
      tests = documentTests ++ [ "again" ];
      env = name: { BOOKSYNC_VARIED_IMAGES = variedImages.packages.${name}; };
    }) (filter isLight images.names)
  );

  # without a second build of CUDA's image
  longChecks = listToAttrs (
    map (documentsOf {
      tests = documentTests;
      env = _: { };
    }) (filter (name: !isLight name) images.names)
  );
}
