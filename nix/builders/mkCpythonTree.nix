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
      cpe = "python:python";
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
            cpe = "openssl:openssl";
            licence = "Apache-2.0";
            pattern = ''OpenSSL (\d+\.\d+\.\d+) +\d+ \w+ \d{4}\x00'';
          }
          {
            name = "sqlite";
            cpe = "sqlite:sqlite";
            licence = "blessing";
            pattern = ''[^\d.](3\.[3-9]\d\.\d+)\x00'';
          }
          {
            name = "expat";
            cpe = "libexpat_project:libexpat";
            licence = "MIT";
            pattern = ''\x00expat_(\d\.\d+\.\d+)\x00'';
          }
          {
            name = "zlib";
            cpe = "zlib:zlib";
            licence = "Zlib";
            pattern = '' deflate (\d+\.\d+\.\d+) Copyright '';
          }
          {
            name = "bzip2";
            cpe = "bzip:bzip2";
            licence = "bzip2-1.0.6";
            pattern = ''(\d\.\d\.\d), \d+-\w{3}-\d{4}\x00'';
          }
          {
            name = "xz";
            cpe = "tukaani:xz";
            licence = "0BSD";
            pattern = ''\x00(5\.\d+\.\d+)\x00'';
          }
          {
            # 6.0.19, the last one that has this licence
            name = "berkeley-db";
            cpe = "oracle:berkeley_db";
            licence = "Sleepycat";
            pattern = ''Berkeley DB (\d+\.\d+\.\d+): '';
          }
          {
            name = "ncurses";
            cpe = "gnu:ncurses";
            licence = "X11-distribute-modifications-variant";
            pattern = ''ncurses (\d+\.\d+)\.\d{8}\x00'';
          }
          {
            name = "tcl-tk";
            cpe = "tcl:tcl";
            licence = "TCL";
            pattern = ''\x00(8\.6\.\d+)\x00'';
          }
          # these do not say their versions
          {
            name = "libedit";
            licence = "BSD-3-Clause";
            pattern = ''EditLine wrapper'';
          }
          {
            name = "libffi";
            licence = "MIT";
            pattern = ''selinuxfs '';
          }
          {
            name = "libuuid";
            licence = "BSD-3-Clause";
            pattern = ''/var/lib/libuuid/clock\.txt'';
          }
          {
            name = "libx11";
            licence = "MIT AND X11";
            pattern = ''Xlib: connection to "%s" invalid setup'';
          }
          {
            name = "libxau";
            licence = "MIT";
            pattern = ''MIT-MAGIC-COOKIE-1'';
          }
          {
            name = "libxcb";
            licence = "MIT";
            pattern = ''xcb_xlib_threads_sequence_lost'';
          }
        ];
  };
}
