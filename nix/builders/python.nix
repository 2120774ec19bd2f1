# The builder's CPython: the same build as in the images, unpacked by busybox and otherwise as it came.
# `command` runs it through the locked libc's loader, so that nothing of the host is needed.
{
  platform,
  artifact,
  busybox,
  libc,
}:
let
  tree = derivation {
    name = "python";
    inherit (platform) system;
    builder = "${busybox}/bin/busybox";
    args = [
      "sh"
      "-ec"
      ''
        b=${busybox}/bin/busybox
        $b unzip -q ${artifact "python"} '*/python/internal/data/linux-${platform.architecture}/*'
        cd "$($b find . -type d -name linux-${platform.architecture})"
        $b find . -name '*.gz' -exec $b gunzip {} +
        $b mkdir -p $out/bin $out/lib
        $b cp bin/python3.12 $out/bin/
        $b chmod 0755 $out/bin/python3.12
        $b cp -r lib/libpython3.12.so.1.0 lib/python3.12 $out/lib/
      ''
    ];
  };
  libraries = "${libc}/usr/lib/${platform.triplet}";
in
{
  inherit tree;
  command = [
    "${libraries}/${platform.loader}"
    "--library-path"
    "${libraries}:${tree}/lib"
    "${tree}/bin/python3.12"
  ];
}
