# How layers are compressed, by the name that the OCI image specification gives it. Part of every digest.
{
  gzip = {
    mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
    program = "pigz";
    # no name and no time in the header; equal bytes for any number of threads
    arguments = [
      "-n"
      "-6"
      "-c"
    ];
    singleThread = [
      "-p"
      "1"
    ];
  };
  zstd = {
    mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
    program = "zstd";
    # equal bytes for any number of threads, but not for --single-thread
    arguments = [
      "-q"
      "-9"
      "-T0"
      "-c"
    ];
    singleThread = [ "-T1" ];
  };
}
