"""A virtual machine with a container engine, driven as nixpkgs' test driver drives its machines.

The vocabulary is that of https://nixos.org/manual/nixos/unstable/#ssec-machine-objects, so that what is written for one
driver runs on the other. Below it stand QEMU, QEMU's own guest agent instead of a shell of ours, and files that
`nix/builders/mkVm.nix` makes. The tests find them in the environment:

BOOKSYNC_VM        folder with kernel, initramfs and root file system (`nix build .#dev-vm`)
BOOKSYNC_VM_TOOLS  tree of the locked Debian packages of group `vm-host` (`nix build .#dev-vm-tools`)
BOOKSYNC_ARCH      amd64 or arm64, of the machine
"""
