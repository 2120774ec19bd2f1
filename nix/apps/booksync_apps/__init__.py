"""What `nix run .#…` runs: the flake's apps, on the standard library alone."""
