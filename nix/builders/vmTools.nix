# Debian's programs that make and run virtual machines on the builder: QEMU, mke2fs, depmod, docker's client.
{
  locks,
  platform,
  mkDebianTree,
}:
mkDebianTree {
  name = "vm-tools";
  inherit (platform) architecture;
  packages = locks.debian.groups.vm-host.${platform.architecture};
  drop = import ./documentation.nix ++ [ "usr/share/lintian" ];
}
