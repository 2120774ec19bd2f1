# Who processes run as, the same in every image.
{
  root = {
    uid = 0;
    gid = 0;
    home = "/root";
    shell = "/bin/bash";
  };
  postgres = {
    uid = 999;
    gid = 999;
    home = "/var/lib/postgresql";
    shell = "/bin/bash";
  };
  booksync = {
    uid = 65532;
    gid = 65532;
    home = "/home/booksync";
    shell = "/bin/bash";
  };
  nobody = {
    uid = 65534;
    gid = 65534;
    home = "/nonexistent";
    shell = "/usr/sbin/nologin";
  };
}
