# services.booksync: BookSync on NixOS, as containers of docker or podman. What is not in options.nix is decided here.
{
  imports = [
    ./options.nix
    ./containers.nix
    ./directories.nix
    ./secrets.nix
    ./network.nix
    ./nginx.nix
    ./backup.nix
  ];
}
