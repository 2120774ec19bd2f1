# Debian's libc, unpacked by busybox: the loader and libraries that the builder's CPython runs on.
{
  platform,
  artifact,
  busybox,
}:
derivation {
  name = "libc";
  inherit (platform) system;
  builder = "${busybox}/bin/busybox";
  args = [
    "sh"
    "-ec"
    ''
      b=${busybox}/bin/busybox
      $b mkdir $out
      $b ar -p ${artifact "debian ${platform.architecture} libc6"} data.tar.xz | $b xz -dc | $b tar -x -C $out -f -
    ''
  ];
}
