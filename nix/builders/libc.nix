# Debian's libc and libgcc, unpacked by busybox: the loader and libraries that the builder's CPython and wheels run on.
{
  platform,
  artifact,
  busybox,
}:
let
  deb = package: artifact "debian ${platform.architecture} ${package}";
in
derivation {
  name = "libc";
  inherit (platform) system;
  builder = "${busybox}/bin/busybox";
  args = [
    "sh"
    "-ec"
    ''
      set -o pipefail
      b=${busybox}/bin/busybox
      $b mkdir $out
      for deb in ${deb "libc6"} ${deb "libgcc-s1"}; do
        $b ar -p $deb data.tar.xz | $b xz -dc | $b tar -x -C $out -f -
      done
    ''
  ];
}
