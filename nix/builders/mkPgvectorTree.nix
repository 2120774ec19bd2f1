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
  mkPython,
}:
{ architecture }:
mkPython {
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
}
