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
    # s: 6 on a server, and a minute or more on a Raspberry Pi
    startPeriod = 180;
    # layers of their own, lowest first, for wheels that are large and seldom change
    wheelLayers = [
      {
        name = "cuda";
        pattern = "nvidia-.*|cuda-.*";
        # what nothing links to and texts need not (bench/gpu.md): a quarter of the image
        drop = [
          # convolutions and recurrent networks; libcudnn.so itself is linked to
          "nvidia/cudnn/lib/libcudnn_*"
          # linear algebra: eigenvalues, factorisations
          "nvidia/cusolver"
          # a second compiler, for old drivers
          "nvidia/cuda_nvrtc/lib/*.alt.so*"
          # profilers
          "nvidia/cuda_cupti/lib/libcheckpoint.so"
          "nvidia/cuda_cupti/lib/libnvperf_*"
          "nvidia/cuda_cupti/lib/libpcsamplingutil.so"
          # stand-ins for other libraries
          "nvidia/cublas/lib/libnvblas.so*"
          "nvidia/cufft/lib/libcufftw.so*"
          # between machines
          "nvidia/nvshmem/lib/nvshmem_*"
          # for those who compile
          "nvidia/*/include"
          "nvidia/*/lib/*.a"
          "nvidia/*/lib/*.bc"
        ];
      }
      {
        name = "torch";
        pattern = "torch";
        # cusolver's counterpart
        drop = [ "torch/lib/libtorch_cuda_linalg.so" ];
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
