# The services' images: what differs between them, and nothing else.
let
  prediction = {
    service = "prediction";
    port = 8002;
    title = "BookSync Prediction API";
    model = "all-MiniLM-L6-v2";
    environment = [
      "HF_HUB_OFFLINE=1"
      "TRANSFORMERS_OFFLINE=1"
    ];
  };
in
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
  prediction = prediction // {
    description = "What to read next";
    wheels = "prediction-torch";
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
  prediction-onnx = prediction // {
    description = "What to read next, on the CPU";
    wheels = "prediction-onnx";
    modelFormat = "onnx";
    dropFromWheels = [
      # the library for C: the module for Python has all of it
      "onnxruntime/capi/libonnxruntime.so*"
      # for those who make models
      "onnxruntime/backend"
      "onnxruntime/datasets"
      "onnxruntime/quantization"
      "onnxruntime/tools"
      "onnxruntime/transformers"
      "numpy/f2py"
      "numpy/*/tests"
    ];
  };
}
