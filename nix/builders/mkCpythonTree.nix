/**
  CPython under /usr/local for one architecture, stripped and with compiled modules.

  # Type
  mkCpythonTree :: { architecture, drop } -> Derivation

  # Arguments
  drop: fnmatch patterns relative to /usr/local
*/
{
  lib,
  locks,
  artifact,
  buildTools,
  debianCommand,
  mkInventory,
  mkPython,
}:
{ architecture, drop }:
let
  version = builtins.head (builtins.match "v[^-]*-([^-]*)-.*" locks.python.version);
  tree = mkPython {
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
  };
in
tree
// {
  inventory = mkInventory {
    inherit tree;
    rest = {
      name = "cpython";
      inherit version;
      purl = "pkg:generic/python@${version}";
      supplier = "Python Software Foundation";
      licence = "PSF-2.0";
      purpose = "application";
      source = locks.python.file;
      inherit (locks.python) sha256;
    };
    compiledIn =
      map
        (
          library:
          library
          // {
            purl = "pkg:generic/${library.name}";
            path = "usr/local/lib/libpython3.12.so.1.0";
          }
        )
        [
          {
            name = "openssl";
            licence = "Apache-2.0";
            version = ''OpenSSL (\d+\.\d+\.\d+) +\d+ \w+ \d{4}\x00'';
          }
          {
            name = "sqlite";
            licence = "blessing";
            version = ''[^\d.](3\.[3-9]\d\.\d+)\x00'';
          }
          {
            name = "expat";
            licence = "MIT";
            version = ''\x00expat_(\d\.\d+\.\d+)\x00'';
          }
          {
            name = "zlib";
            licence = "Zlib";
            version = '' deflate (\d+\.\d+\.\d+) Copyright '';
          }
          {
            name = "bzip2";
            licence = "bzip2-1.0.6";
            version = ''(\d\.\d\.\d), \d+-\w{3}-\d{4}\x00'';
          }
          {
            name = "xz";
            licence = "0BSD";
            version = ''\x00(5\.\d+\.\d+)\x00'';
          }
        ];
  };
}
