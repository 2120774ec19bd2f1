/**
  The picture of the architecture, as SVG, from the images' own data.

  # Type
  mkDiagram :: { images, running, database } -> Derivation

  # Arguments
  images: name -> what mkImage returned
  running: names of the services' images; the first is asked about tokens by the others
  database: name of the image that all of them use
*/
{ mkPython }:
{
  images,
  running,
  database,
}:
let
  # layer-shared-compiled-amd64 -> shared-compiled
  toTitle =
    layer:
    let
      ofOne = builtins.match "layer-(.*)-(amd64|arm64)" layer.name;
    in
    builtins.head (if ofOne == null then builtins.match "layer-(.*)" layer.name else ofOne);
in
mkPython {
  name = "architecture.svg";
  module = "diagram";
  inherit running database;
  images = builtins.mapAttrs (_: image: {
    inherit (image) config;
    title = image.annotations."org.opencontainers.image.title";
    layers = map toTitle image.layers;
  }) images;
}
