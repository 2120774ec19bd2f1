# What one platform is called by everybody we deal with, keyed by Nix's `system`.
{
  x86_64-linux = {
    system = "x86_64-linux";
    # OCI image specification and Debian
    architecture = "amd64";
    variant = null;
    # GNU triplet: multiarch folder of Debian, target of binutils
    triplet = "x86_64-linux-gnu";
    loader = "ld-linux-x86-64.so.2";
  };
  aarch64-linux = {
    system = "aarch64-linux";
    architecture = "arm64";
    variant = "v8";
    triplet = "aarch64-linux-gnu";
    loader = "ld-linux-aarch64.so.1";
  };
}
