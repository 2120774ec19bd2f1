# Debian's programs that checks run on the builder: bubblewrap, qemu-user, docker-registry, skopeo.
{
  locks,
  platform,
  mkDebianTree,
}:
mkDebianTree {
  name = "test-tools";
  inherit (platform) architecture;
  packages = locks.debian.groups.test.${platform.architecture};
  drop = import ./documentation.nix;
}
