# The containers, under the names of the guide: what differs between them.
let
  images = import ../images/services.nix;
in
{
  postgres = {
    container = "booksync-postgres";
    alias = "postgres";
    memory = "1g";
    tmpfs = [
      "/tmp:size=64m,mode=1777"
      "/run/postgresql:size=1m,mode=1777"
    ];
    # a fast shutdown, and the checkpoint that it writes
    stopSeconds = 120;
  };
  auth = {
    container = "booksync_auth_api";
    alias = "auth-api";
    inherit (images.auth) port;
    memory = "384m";
    title = "the Auth API";
  };
  data = {
    container = "booksync-api-data";
    alias = "data-api";
    inherit (images.data) port;
    memory = "384m";
    title = "the Data API";
  };
  prediction = {
    container = "booksync-api-prediction";
    alias = "prediction-api";
    inherit (images.prediction) port;
    memory = "1g";
    title = "the Prediction API";
  };
}
