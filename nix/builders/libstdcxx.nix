# Debian's libstdc++ for wheels in C++ that the builder's CPython loads: its path, as the builder's libc has none.
{ platform, mkDebianTree }:
let
  tree = mkDebianTree {
    name = "libstdcxx";
    inherit (platform) architecture;
    packages = [ "libstdc++6" ];
  };
in
"${tree}/usr/lib/${platform.triplet}/libstdc++.so.6"
