# The containers, under the names of the guide: what differs between them.
{
  postgres = {
    container = "booksync-postgres";
    alias = "postgres";
    port = 5432;
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
    port = 8000;
    memory = "384m";
    title = "the Auth API";
  };
  data = {
    container = "booksync-api-data";
    alias = "data-api";
    port = 8001;
    memory = "384m";
    title = "the Data API";
  };
  prediction = {
    container = "booksync-api-prediction";
    alias = "prediction-api";
    port = 8002;
    memory = "1g";
    title = "the Prediction API";
  };
}
