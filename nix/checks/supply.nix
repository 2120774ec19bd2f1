# What goes with the images: the documents of the light ones, on both architectures, and the steps that make them.
{
  builders,
  images,
  variedImages,
}:
let
  inherit (builtins) filter listToAttrs;
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
      name = "supply-${
        if name == "booksync-postgres" then
          "postgres"
        else
          builtins.head (builtins.match "booksync-api-(.*)" name)
      }-documents";
      env = {
        BOOKSYNC_IMAGES = images.packages.${name};
        BOOKSYNC_IMAGE = name;
      }
      // env name;
    };
in
{
  checks = listToAttrs (
    [
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
