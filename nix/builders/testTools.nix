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
  drop = [
    "usr/share/doc"
    "usr/share/man"
    "usr/share/locale"
    "usr/share/bash-completion"
  ];
}
