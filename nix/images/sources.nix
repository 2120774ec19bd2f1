# Folders of this repository that decide, beside the locks, what an image is: of the service that it runs, null for the
# database.
service:
{
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
