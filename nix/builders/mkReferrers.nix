/**
  What goes with an image to a registry, as OCI artifacts whose subject is its manifest: bills of materials (SPDX,
  CycloneDX), provenance (SLSA) and statements about vulnerabilities (OpenVEX). `referrers.json` lists them.

  # Type
  mkReferrers :: { name, repository, package, version, created, image, sources, vulnerabilities } -> Derivation

  # Arguments
  name: of the image, without its architecture
  repository: where it is pushed to, a variant of an image as a tag
  package: of the flake, which is this image
  image: of mkImage; its layers' trees have an inventory each
  sources: path in the repository -> folder or file; what decides, beside what the locks name, what the image is
  vulnerabilities: statements about components: package, vulnerability, description, justification, impact
*/
{ mkPython }:
{
  name,
  repository,
  package,
  version,
  created,
  image,
  sources,
  vulnerabilities,
}:
mkPython {
  name = "referrers-${image.name}";
  module = "referrers";
  uses = [
    "bom"
    "component"
    "cyclonedx"
    "derivations"
    "git_tree"
    "image"
    "oci"
    "openvex"
    "provenance"
    "spdx"
  ];
  imageName = name;
  inherit
    repository
    package
    version
    created
    image
    vulnerabilities
    ;
  inventories = map (layer: layer.tree.inventory) image.layers;
  # the recipe alone, not what it makes: with the usual context every step would have to be there to read it
  imageDerivation = builtins.unsafeDiscardOutputDependency image.drvPath;
  sources = builtins.mapAttrs (
    path: source:
    builtins.path {
      name = "source-${builtins.replaceStrings [ "/" ] [ "-" ] path}";
      path = source;
    }
  ) sources;
}
