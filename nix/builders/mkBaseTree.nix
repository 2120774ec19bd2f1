/**
  The tree that every image stands on: Debian's base packages, users, CA bundle, busybox's applets.

  # Type
  mkBaseTree :: { architecture, drop, keep, files, folders, links } -> Derivation

  # Arguments
  files: path -> text
  folders: paths of empty folders
  links: path -> target
*/
{
  locks,
  artifact,
  busybox,
  mkPython,
}:
{ architecture, ... }@arguments:
mkPython (
  builtins.removeAttrs arguments [ "architecture" ]
  // {
    name = "base-${architecture}";
    module = "base";
    uses = [ "debian" ];
    busybox = "${busybox}/bin/busybox";
    debs = map (
      package: artifact "debian ${architecture} ${package}"
    ) locks.debian.groups.base.${architecture};
  }
)
