# What the operator decides.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  members = import ./services.nix;
  apis = builtins.removeAttrs members [ "postgres" ];

  common = member: title: {
    image = mkOption {
      type = types.nullOr (types.strMatching ".+@sha256:[0-9a-f]{64}");
      default = null;
      example = "registry.example/family/${member.container}@sha256:…";
      description = ''
        An image of ${title} in a registry, by its digest, as `nix run .#push` prints it.
        By default the flake's own image is built and loaded, and no registry is asked.
      '';
    };
    environment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Variables of ${title}. Everybody on this machine can read them: secrets belong into environmentFiles.";
    };
    environmentFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      example = [ "/run/secrets/booksync.env" ];
      description = "Files of NAME=VALUE lines with secrets of ${title}; a later one wins, and all win over those that are made here.";
    };
    memory = mkOption {
      type = types.strMatching "[0-9]+[kmg]";
      default = member.memory;
      description = "How much memory ${title} may have; the database sizes its buffers by it.";
    };
    cpus = mkOption {
      type = types.nullOr (types.strMatching "[0-9]+(\\.[0-9]+)?");
      default = null;
      example = "1.5";
      description = "How many processors ${title} may keep busy; null: all.";
    };
  };

  api = member: {
    options = common member member.title // {
      port = mkOption {
        type = types.port;
        default = member.port;
        description = "Port of this machine at which ${member.title} is reached.";
      };
    };
  };

  ofSubmodule =
    module: description:
    mkOption {
      type = types.submodule module;
      default = { };
      inherit description;
    };
in
{
  options.services.booksync = {
    enable = lib.mkEnableOption "BookSync, a family's manga library, in containers of virtualisation.oci-containers.backend";

    dataDir = mkOption {
      type = types.path;
      default = "/var/lib/booksync";
      description = "Where the database, the secrets that are made here, and backups are. It becomes root's alone.";
    };
    listenAddress = mkOption {
      # engines take no name here
      type = types.strMatching "[0-9]{1,3}(\\.[0-9]{1,3}){3}";
      default = "127.0.0.1";
      example = "0.0.0.0";
      description = "IPv4 address at which the APIs are reached. Container engines publish ports past the firewall.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Let the network reach the APIs, or nginx where it is enabled.";
    };
    subnet = mkOption {
      type = types.strMatching "[0-9]{1,3}(\\.[0-9]{1,3}){2}";
      default = "172.30.85";
      description = "First three numbers of the containers' network, where the default is in use already.";
    };
    generateSecrets = mkOption {
      type = types.bool;
      default = true;
      description = "Make secrets on the first start, in dataDir/secrets. Without, environmentFiles have to bring all.";
    };

    postgres = ofSubmodule { options = common members.postgres "the database"; } "The database.";
    auth = ofSubmodule (api apis.auth) "The Auth API.";
    data = ofSubmodule (api apis.data) "The Data API.";
    prediction = ofSubmodule (api apis.prediction) "The Prediction API, without torch.";

    nginx = {
      enable = lib.mkEnableOption "one address for the three APIs by services.nginx: /auth/, /data/ and /predict/";
      hostName = mkOption {
        type = types.str;
        default = "booksync.home";
        description = "Name of the virtual host.";
      };
      acme = mkOption {
        type = types.bool;
        default = false;
        description = "Have a certificate made by security.acme.";
      };
      certificate = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "Certificate for TLS, where acme does not make it.";
      };
      certificateKey = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "The certificate's key.";
      };
    };

    backup = {
      enable = lib.mkEnableOption "verified backups of the database with the keys of the Auth API";
      startAt = mkOption {
        type = types.str;
        default = "*-*-* 03:15:00";
        description = "When (systemd.time(7)).";
      };
      directory = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "Where to; dataDir/backups by default. Made for root alone where it is not there; one that is there keeps its owner and mode.";
      };
      keepDays = mkOption {
        type = types.ints.unsigned;
        default = 30;
        description = "A backup goes when it is older than this, and keepCount newer ones are there.";
      };
      keepCount = mkOption {
        # backup.sh keeps one at least
        type = types.ints.positive;
        default = 7;
        description = "How many backups stay, however old.";
      };
    };
  };
}
