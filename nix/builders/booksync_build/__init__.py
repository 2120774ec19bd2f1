"""The steps that turn locked artifacts into OCI images, each run by Nix in a sandbox.

Every module is one kind of derivation: its ``main`` reads :mod:`booksync_build.attributes`
and writes ``$out``. Standard library only, since this runs before anything is installed.
"""
