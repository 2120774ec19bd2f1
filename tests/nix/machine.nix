# The options of NixOS that nix/nixos sets, with their types there: what has no option here is none of NixOS that we know.
{ lib, ... }:
let
  inherit (lib) types;
  option = type: lib.mkOption { inherit type; };
  optional = type: default: lib.mkOption { inherit type default; };
  strings = optional (types.listOf types.str) [ ];
  variables = optional (types.attrsOf types.str) { };
  settings = optional (types.attrsOf types.anything) { };
  engine.package = optional types.str "/engine";

  container.options = {
    image = option types.str;
    imageStream = optional (types.nullOr types.package) null;
    environment = variables;
    environmentFiles = optional (types.listOf types.path) [ ];
    ports = strings;
    volumes = strings;
    dependsOn = strings;
    extraOptions = strings;
  };
  unit.options = {
    description = optional types.str "";
    requires = strings;
    after = strings;
    path = optional (types.listOf types.anything) [ ];
    environment = variables;
    script = optional types.str "";
    startAt = optional types.str "";
    unitConfig = settings;
    serviceConfig = settings;
  };
  timer.options.timerConfig = settings;
  interface.options.allowedUDPPorts = optional (types.listOf types.port) [ ];
  location.options = {
    priority = optional types.int 1000;
    proxyPass = optional (types.nullOr types.str) null;
    recommendedProxySettings = optional types.bool false;
    return = optional (types.nullOr types.str) null;
    extraConfig = optional types.str "";
  };
  virtualHost.options = {
    extraConfig = optional types.str "";
    forceSSL = optional types.bool false;
    enableACME = optional types.bool false;
    sslCertificate = optional (types.nullOr types.path) null;
    sslCertificateKey = optional (types.nullOr types.path) null;
    locations = optional (types.attrsOf (types.submodule location)) { };
  };
  assertion.options = {
    assertion = option types.bool;
    message = option types.str;
  };
in
{
  options = {
    assertions = optional (types.listOf (types.submodule assertion)) [ ];
    networking.firewall.allowedTCPPorts = optional (types.listOf types.port) [ ];
    networking.firewall.interfaces = optional (types.attrsOf (types.submodule interface)) { };
    services.nginx.enable = optional types.bool false;
    services.nginx.virtualHosts = optional (types.attrsOf (types.submodule virtualHost)) { };
    systemd.services = optional (types.attrsOf (types.submodule unit)) { };
    systemd.timers = optional (types.attrsOf (types.submodule timer)) { };
    systemd.tmpfiles.rules = strings;
    virtualisation.docker = engine;
    virtualisation.podman = engine;
    virtualisation.oci-containers.backend = optional (types.enum [
      "podman"
      "docker"
    ]) "podman";
    virtualisation.oci-containers.containers = optional (types.attrsOf (types.submodule container)) { };
  };
}
