# The containers' own network, and who may reach what is published.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.booksync;
  backend = config.virtualisation.oci-containers.backend;
  bridge = "booksync0";
  ports = map (name: cfg.${name}.port) [
    "auth"
    "data"
    "prediction"
  ];
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.openFirewall && !cfg.nginx.enable -> cfg.listenAddress != "127.0.0.1";
        message = "services.booksync.openFirewall: the APIs listen on 127.0.0.1 alone; set listenAddress, or enable nginx";
      }
    ];

    systemd.services.booksync-network = {
      description = "Network of BookSync's containers";
      requires = lib.optional (backend == "docker") "docker.service";
      after = [ "network.target" ] ++ lib.optional (backend == "docker") "docker.service";
      path = [ config.virtualisation.${backend}.package ];
      environment = {
        ENGINE = backend;
        BRIDGE = bridge;
        SUBNET = cfg.subnet;
      };
      script = builtins.readFile ./network.sh;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
    };

    # podman's names are looked up at the bridge, docker's within each container
    networking.firewall.interfaces = lib.optionalAttrs (backend == "podman") {
      ${bridge}.allowedUDPPorts = [ 53 ];
    };
    networking.firewall.allowedTCPPorts = lib.optionals cfg.openFirewall (
      if cfg.nginx.enable then
        [
          80
          443
        ]
      else
        ports
    );
  };
}
