# Debian's packages of a group, for tests to run: no documents, no translations.
{ locks, builders }:
{ group, architecture }:
builders.mkDebianTree {
  name = "${group}-tools";
  inherit architecture;
  packages = locks.debian.groups.${group}.${architecture};
  drop = import ../builders/documentation.nix;
}
