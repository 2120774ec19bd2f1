"""What ``./bootstrap`` does: resolve the locks, fetch what they name, put it into the Nix store, and call Nix.

Runs on the Python (3.9 or later) of the machine that builds, with the standard library alone.
"""
