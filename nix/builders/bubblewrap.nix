# What `.#up` and `.#database` run images with, of the test programs: small enough to come with every build.
{ platform, mkDebianTree }:
mkDebianTree {
  name = "bubblewrap";
  inherit (platform) architecture;
  packages = [
    "bubblewrap"
    "libc6"
    "libcap2"
    "libpcre2-8-0"
    "libselinux1"
  ];
  drop = import ./documentation.nix;
}
