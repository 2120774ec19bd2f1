# The three services: what differs between them, and nothing else.
{
  auth = {
    port = 8000;
    title = "BookSync Auth API";
    description = "Profiles, sessions and the link to Mangacollec";
  };
  data = {
    port = 8001;
    title = "BookSync Data API";
    description = "Facts about volumes that Mangacollec does not have";
  };
  prediction = {
    port = 8002;
    title = "BookSync Prediction API";
    description = "What to read next";
    model = "all-MiniLM-L6-v2";
    environment = [
      "HF_HUB_OFFLINE=1"
      "TRANSFORMERS_OFFLINE=1"
    ];
    # layers of their own, lowest first, for wheels that are large and seldom change
    wheelLayers = [
      {
        name = "cuda";
        pattern = "nvidia-.*|cuda-.*";
      }
      {
        name = "torch";
        pattern = "torch";
      }
    ];
    # torch.compile's back end: nothing here compiles
    withoutWheels = [ "triton" ];
  };
}
