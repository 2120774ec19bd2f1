/**
  CPython under /usr/local for one architecture, stripped and with compiled modules.

  # Type
  mkCpythonTree :: { architecture, drop } -> Derivation

  # Arguments
  drop: fnmatch patterns relative to /usr/local
*/
{
  lib,
  artifact,
  buildTools,
  debianCommand,
  mkPython,
}:
{ architecture, drop }:
mkPython {
  name = "cpython-${architecture}";
  module = "cpython";
  uses = [
    "bytecode"
    "debian"
    "elf"
  ];
  inherit drop;
  archive = artifact "python";
  platform = "linux-${architecture}";
  strip = debianCommand buildTools "usr/bin/${(lib.platformOf architecture).triplet}-strip";
}
