# Debian's programs that build steps run: pigz, zstd, and strip for both architectures.
{
  locks,
  platform,
  mkDebianTree,
}:
mkDebianTree {
  name = "build-tools";
  inherit (platform) architecture;
  packages = locks.debian.groups.build.${platform.architecture};
  drop = [ "usr/share" ];
}
