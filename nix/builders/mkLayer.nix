/**
  One OCI layer of a tree: `blob` (compressed tar) and `descriptor.json`.

  Everything is owned by root, files 0444 or 0555 and folders 0555 as the Nix store has them;
  `permissions` names every path that differs.

  # Type
  mkLayer :: { name, tree, permissions ? {} } -> Derivation

  # Arguments
  name: what the image's history calls the layer
  permissions: path -> { mode (octal digits), owner = { name, uid, gid } }
*/
{
  mkPython,
  goTools,
  buildTools,
  debianCommand,
  compression,
  isVaried,
}:
{
  name,
  tree,
  permissions ? { },
}:
let
  compressor = (import ./compressions.nix).${compression};
in
mkPython {
  name = "layer-${name}";
  module = "layer";
  layerName = name;
  inherit tree permissions;
  nix2container = "${goTools}/bin/nix2container";
  inherit (compressor) mediaType;
  compress =
    debianCommand buildTools "usr/bin/${compressor.program}"
    ++ compressor.arguments
    ++ (if isVaried then compressor.singleThread else [ ]);
}
