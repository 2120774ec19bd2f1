/**
  One architecture's image: config, manifest and its layers' blobs, with a summary in `image.json`.

  # Type
  mkImage :: { name, architecture, layers, created, config, annotations } -> Derivation

  # Arguments
  layers: derivations of mkLayer, lowest first
  created: RFC 3339 time of the release
  config: the OCI config's execution parameters (User, Env, Entrypoint, ...)
*/
{ lib, mkPython }:
{
  name,
  architecture,
  layers,
  created,
  config,
  annotations,
}:
let
  target = lib.platformOf architecture;
in
mkPython {
  name = "${name}-${architecture}";
  module = "image";
  uses = [ "oci" ];
  platform = { inherit (target) architecture variant; };
  inherit
    layers
    created
    config
    annotations
    ;
}
