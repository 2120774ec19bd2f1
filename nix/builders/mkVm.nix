/**
  What a virtual machine starts from: kernel, initramfs and a root file system with a container engine.

  It is Debian's own kernel and Docker on busybox's init: no installation, no systemd, read-only. What
  it keeps is on a second disk (nix/builders/vm/boot.sh).

  # Type
  mkVm :: { architecture } -> Derivation
*/
{
  locks,
  artifact,
  busybox,
  debianCommand,
  vmTools,
  mkPython,
}:
{ architecture }:
let
  source = file: builtins.path { path = file; };
  program = file: {
    source = source file;
    executable = true;
  };
in
mkPython {
  name = "vm-${architecture}";
  module = "vm";
  uses = [
    "base"
    "cpio"
    "debian"
  ];
  debs = map (
    package: artifact "debian ${architecture} ${package}"
  ) locks.debian.groups.vm-guest.${architecture};
  drop = [
    "usr/share"
    "usr/include"
    "usr/lib/systemd"
    "usr/lib/*/gconv"
    "usr/bin/ctr"
    "usr/bin/containerd-stress"
    "usr/games"
    "etc/init.d"
    "etc/default"
    "etc/cron*"
    "etc/skel"
    "etc/profile.d"
    "boot/config-*"
    "boot/System.map-*"
    # no machine of QEMU's has these
    "usr/lib/modules/*/kernel/drivers/gpu"
    "usr/lib/modules/*/kernel/drivers/infiniband"
    "usr/lib/modules/*/kernel/drivers/net/ethernet"
    "usr/lib/modules/*/kernel/sound"
  ];
  keep = [ "usr/share/doc/*/copyright" ];
  busybox = "${busybox}/bin/busybox";
  depmod = debianCommand vmTools "usr/sbin/depmod";
  mke2fs = debianCommand vmTools "usr/sbin/mke2fs";
  init = source ./vm/initramfs.sh;
  files = {
    "etc/inittab" = {
      source = source ./vm/inittab;
      executable = false;
    };
    "etc/booksync/environment" = {
      source = source ./vm/environment.sh;
      executable = false;
    };
    "etc/booksync/boot" = program ./vm/boot.sh;
    "etc/booksync/agent" = program ./vm/agent.sh;
    "etc/booksync/engine" = program ./vm/engine.sh;
    "etc/booksync/stop" = program ./vm/stop.sh;
  };
}
