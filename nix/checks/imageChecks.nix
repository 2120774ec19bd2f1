# How images are checked. Each function makes the checks of one kind, for the images that it is asked for.
{
  locks,
  platform,
  builders,
  images,
  variedImages,
  testTools,
}:
let
  inherit (builtins)
    concatMap
    elem
    filter
    listToAttrs
    ;
  heavy = import ./heavyImages.nix;
  isHeavy = image: architecture: elem architecture (heavy.${image} or [ ]);

  database = "booksync-postgres";
  shortOf = import ./shortOf.nix;
  mkLayoutsOf = import ./mkLayouts.nix { inherit builders; };
  mkLayouts = mkLayoutsOf images;

  sources = {
    "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
  };
  imageSources = sources // {
    "tests/images" = ../../tests/images;
  };
  test = name: "tests/images/test_${name}.py";

  runEnv = {
    BOOKSYNC_TEST_TOOLS = testTools;
    BOOKSYNC_BUSYBOX = "${builders.busybox}/bin/busybox";
  };

  predictionTests = [
    "api"
    "prediction"
  ];
  runningTests = {
    ${database} = [ "postgres" ];
    booksync-api-prediction = predictionTests;
    booksync-api-prediction-onnx = predictionTests;
  };

  layoutOf =
    image:
    let
      name = "image-${shortOf image}-layout";
    in
    {
      inherit name;
      value = builders.mkPytest {
        inherit name;
        sources = imageSources;
        tests = [ (test "layout") ];
        env = {
          BOOKSYNC_IMAGES = images.packages.${image};
          BOOKSYNC_IMAGE = image;
        };
      };
    };

  contractOf =
    { kind, isWanted }:
    image: architecture:
    let
      name = "image-${shortOf image}-${architecture}-${kind}";
    in
    {
      inherit name;
      value = builders.mkPytest {
        inherit name;
        sources = imageSources;
        tests = map test (
          [
            "config"
            "files"
            "container"
          ]
          ++ filter isWanted (runningTests.${image} or [ "api" ])
        );
        env = runEnv // {
          BOOKSYNC_IMAGES = mkLayouts {
            architectures = [ architecture ];
            names = [ database ] ++ filter (name: name != database) [ image ];
          };
          BOOKSYNC_IMAGE = image;
          BOOKSYNC_ARCH = architecture;
        };
      };
    };

  reproducibilityOf =
    image: architecture:
    let
      name = "image-${shortOf image}-${architecture}-reproducible";
      layouts = {
        architectures = [ architecture ];
        names = [ image ];
      };
    in
    {
      inherit name;
      value = builders.mkPytest {
        inherit name;
        sources = imageSources;
        tests = [ (test "reproducible") ];
        env = {
          BOOKSYNC_IMAGES = mkLayouts layouts;
          BOOKSYNC_VARIED_IMAGES = mkLayoutsOf variedImages layouts;
          BOOKSYNC_IMAGE = image;
          BOOKSYNC_ARCH = architecture;
        };
      };
    };

  # image -> architecture -> Bool
  ofEach =
    make: isWanted:
    listToAttrs (
      concatMap (image: map (make image) (filter (isWanted image) images.architectures)) images.names
    );

  serviceCheckOf =
    { nameOf, env }:
    image:
    let
      service = images.services.${image};
      name = nameOf service;
      inherit (platform) architecture;
    in
    {
      inherit name;
      value = builders.mkPytest {
        inherit name;
        tests = [ "tests/services" ];
        sources = sources // {
          "tests/services" = ../../tests/services;
          "services/common/tests" = ../../services/common/tests;
          "services/${service}/tests" = ../../services + "/${service}/tests";
        };
        env = runEnv // env // {
          BOOKSYNC_SERVICE = service;
          BOOKSYNC_ARCH = architecture;
          BOOKSYNC_IMAGES = mkLayouts {
            architectures = [ architecture ];
            names = [
              database
              image
            ];
          };
          BOOKSYNC_IMAGE = image;
          BOOKSYNC_TEST_WHEELS = "${
            builders.mkWheelTree {
              name = "wheels-test-${architecture}";
              inherit architecture;
              wheels = locks.wheels.groups.test.${architecture};
            }
          }/usr/local/lib/python3.12/site-packages";
        };
      };
    };
in
{
  inherit isHeavy;

  # image -> Bool
  layouts = isWanted: listToAttrs (map layoutOf (filter isWanted images.names));

  contracts = ofEach (contractOf {
    kind = "contract";
    isWanted = _: true;
  });
  # the same with one start, where each takes minutes
  starts = ofEach (contractOf {
    kind = "start";
    isWanted = name: name != "api";
  });
  reproducibility = ofEach reproducibilityOf;

  # on the builder's own architecture; how a check is called, by its service, which images, and what the tests are told
  services =
    {
      nameOf,
      isWanted,
      env ? { },
    }:
    listToAttrs (
      map (serviceCheckOf { inherit nameOf env; }) (filter isWanted (builtins.attrNames images.services))
    );

  # whether images make the same vectors: which test, of which images, for which architectures
  vectors =
    { name, tests }:
    layouts: {
      ${name} = builders.mkPytest {
        inherit name;
        sources = sources // {
          "tests/parity" = ../../tests/parity;
        };
        tests = map (test: "tests/parity/test_${test}.py") tests;
        env = runEnv // {
          BOOKSYNC_IMAGES = mkLayouts layouts;
        };
      };
    };

  sharing.image-sharing = builders.mkPytest {
    name = "image-sharing";
    sources = imageSources;
    tests = [ (test "sharing") ];
    env.BOOKSYNC_IMAGES = mkLayouts {
      inherit (images) architectures;
      names = filter (image: !(heavy ? ${image})) images.names;
    };
  };
}
