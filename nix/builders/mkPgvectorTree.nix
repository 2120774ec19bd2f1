/**
  pgvector, compiled for one architecture against the locked PostgreSQL headers.

  # Type
  mkPgvectorTree :: { architecture } -> Derivation
*/
{
  lib,
  locks,
  platform,
  artifact,
  mkDebianTree,
  mkInventory,
  mkPython,
}:
{ architecture }:
let
  tree = mkPython {
    name = "pgvector-${architecture}";
    module = "pgvector";
    uses = [ "zig" ];
    source = artifact "pgvector";
    inherit (locks.pgvector) version;
    zig = artifact "wheels ${platform.architecture} ziglang";
    inherit (lib.platformOf architecture) triplet;
    headers = mkDebianTree {
      name = "postgresql-headers-${architecture}";
      inherit architecture;
      packages = locks.debian.groups.pgheaders.${architecture};
      drop = [ "usr/share" ];
    };
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    rest = {
      name = "pgvector";
      inherit (locks.pgvector) version sha256;
      purl = "pkg:github/pgvector/pgvector@v${locks.pgvector.version}";
      supplier = "pgvector";
      licence = "PostgreSQL";
      source = builtins.baseNameOf locks.pgvector.path;
    };
  };
}
