# One address with TLS, as deploy/nginx has it: each API below its name, and what only one of them has also where the API
# itself has it.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.booksync;
  hasTls = cfg.nginx.acme || cfg.nginx.certificate != null;
  to = name: "http://127.0.0.1:${toString cfg.${name}.port}";

  # HTTP/1.1, as a body without a length is not passed on before its end by nginx's older default
  mkLocation = extraConfig: address: {
    proxyPass = address;
    recommendedProxySettings = true;
    extraConfig = ''
      proxy_http_version 1.1;
      proxy_set_header X-Request-ID $request_id;
      ${extraConfig}
    '';
  };
  proxied = mkLocation "client_max_body_size 8m;";
  # files of any length, streamed both ways; of expressions the first that matches is taken
  streamed =
    address:
    mkLocation ''
      client_max_body_size 0;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 1h;
      rewrite ^/data(/.*)$ $1 break;
    '' address
    // {
      priority = 900;
    };
in
{
  config = lib.mkIf (cfg.enable && cfg.nginx.enable) {
    assertions = [
      {
        assertion = (cfg.nginx.certificate == null) == (cfg.nginx.certificateKey == null);
        message = "services.booksync.nginx: certificate and certificateKey belong together";
      }
      {
        assertion = !(cfg.nginx.acme && cfg.nginx.certificate != null);
        message = "services.booksync.nginx: either acme or a certificate";
      }
      {
        assertion = cfg.listenAddress == "127.0.0.1" || cfg.listenAddress == "0.0.0.0";
        message = "services.booksync.listenAddress: nginx asks the APIs at 127.0.0.1, so that has to be among their addresses";
      }
    ];

    services.nginx = {
      enable = true;
      virtualHosts.${cfg.nginx.hostName} = {
        forceSSL = hasTls;
        # as long addresses as the APIs take
        extraConfig = "large_client_header_buffers 4 64k;";
        locations = {
          "/auth/" = proxied "${to "auth"}/";
          "/data/" = proxied "${to "data"}/";
          "/predict/" = proxied "${to "prediction"}/";
          "= /auth/metrics".return = "404";
          "= /data/metrics".return = "404";
          "= /predict/metrics".return = "404";
          "~ ^(/data)?/api/v1/(volume-extra/(import|export)|me/volumes/export)$" = streamed (to "data");
          "~ ^/(api/v1/(auth|users|mangacollec|api-keys)|users)(/|$)" = proxied (to "auth");
          "~ ^/api/v1/(volume-extra|me/volumes|me/stats)(/|$)" = proxied (to "data");
          "~ ^/(api/v1/(predict|predictions|similar|recommendations|embeddings|jobs|models)|predictions)(/|$)" =
            proxied (to "prediction");
          "= /predict" = proxied (to "prediction");
        };
      }
      // lib.optionalAttrs cfg.nginx.acme { enableACME = true; }
      // lib.optionalAttrs (cfg.nginx.certificate != null) {
        sslCertificate = cfg.nginx.certificate;
        sslCertificateKey = cfg.nginx.certificateKey;
      };
    };
  };
}
