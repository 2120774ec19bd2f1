/**
  One locked artifact as a fixed-output derivation that is never executed.

  `./bootstrap fetch` has put the file into the store before, where this derivation's output is
  then already valid. Its builder only says what to do when that has not happened.

  # Type
  artifact :: String -> Derivation

  # Arguments
  key: as in lib.parseLocks

  # Example
  artifact "debian amd64 libc6"
*/
{
  lib,
  locks,
  platform,
  busybox,
}:
let
  artifacts = lib.parseLocks locks;
in
key:
let
  locked =
    artifacts.${key} or (throw "the locks have no artifact ${builtins.toJSON key}; run: ./bootstrap update");
in
derivation {
  inherit (locked) name;
  artifact = key;
  inherit (platform) system;
  builder = "${busybox}/bin/busybox";
  args = [
    "sh"
    "-c"
    "echo 'missing artifact: ${locked.name}'; echo 'run: ./bootstrap fetch'; exit 1"
  ];
  outputHashMode = locked.mode;
  outputHashAlgo = "sha256";
  outputHash = locked.hash;
  preferLocalBuild = true;
}
