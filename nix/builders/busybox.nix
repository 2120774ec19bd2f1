# The first program: everything else is unpacked by it. It runs on the builder, has no libc to find, and is
# itself an artifact; as nothing can print its absence, Nix's own downloader names it.
{ lib, locks, platform }:
let
  artifact = (lib.parseLocks locks)."busybox ${platform.architecture}";
in
derivation {
  inherit (artifact) name;
  artifact = "busybox ${platform.architecture}";
  system = "builtin";
  builder = "builtin:fetchurl";
  url = "file:///missing-artifact/${artifact.name}/run:./bootstrap-fetch";
  outputHashMode = artifact.mode;
  outputHashAlgo = "sha256";
  outputHash = artifact.hash;
  preferLocalBuild = true;
}
