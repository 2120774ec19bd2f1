# Folders and files of this repository that decide, beside what the locks name, what an image is: of the service that it
# runs, null for the database. What they import of each other is among them.
service:
{
  # in the base layer
  LICENSE = ../../LICENSE;
  # what the builders are told
  "nix/default.nix" = ../default.nix;
  "nix/builders" = ../builders;
  "nix/images" = ../images;
  "nix/lib" = ../lib;
  "nix/lock" = ../lock;
  "nix/tools" = ../tools;
}
// (
  if service == null then
    { deploy = ../../deploy; }
  else
    {
      "services/common" = ../../services/common;
      "services/${service}" = ../../services + "/${service}";
    }
)
