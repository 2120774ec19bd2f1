# The lowest layer of every image.
{
  builders,
  users,
  mkOwnComponent,
}:
architecture:
let
  selection = (import ./selection.nix).debian;
  lines = map (name: users.${name}) (
    # ascending uids, as everybody expects of passwd(5)
    builtins.sort (a: b: users.${a}.uid < users.${b}.uid) (builtins.attrNames users)
  );
  concat = builtins.concatStringsSep "";
in
builders.mkLayer {
  name = "base-${architecture}";
  tree = builders.mkBaseTree {
    inherit architecture;
    inherit (selection) drop keep;
    component = mkOwnComponent "booksync-base";
    files = {
      "etc/passwd" = concat (
        map (
          user:
          "${user.name}:x:${toString user.uid}:${toString user.gid}:${user.name}:${user.home}:${user.shell}\n"
        ) lines
      );
      "etc/group" = concat (map (user: "${user.name}:x:${toString user.gid}:\n") lines);
      "usr/share/doc/booksync/copyright" = builtins.readFile ../../LICENSE;
      "etc/nsswitch.conf" = "passwd: files\ngroup: files\nhosts: files dns\n";
    };
    folders = [
      "root"
      "home/booksync"
      "run"
      "tmp"
      "usr/local"
      "dev"
      "proc"
      "sys"
    ];
    links = {
      # one place that everybody may write to
      "var/tmp" = "../tmp";
      # where CPython's OpenSSL looks
      "etc/ssl/cert.pem" = "certs/ca-certificates.crt";
      # as Debian's base-files makes them when it is installed
      "var/run" = "/run";
      "var/lock" = "/run/lock";
      "etc/localtime" = "/usr/share/zoneinfo/Etc/UTC";
    };
  };
  permissions = {
    tmp = {
      mode = "1777";
      owner = users.root;
    };
    root = {
      mode = "0700";
      owner = users.root;
    };
    "home/booksync" = {
      mode = "0700";
      owner = users.booksync;
    };
  };
}
