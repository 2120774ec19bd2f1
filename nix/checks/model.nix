# The model's ONNX file: its graph computes what the model is defined to, and is the same bytes each time.
{ builders }:
{
  model-unit = builders.mkPytest {
    name = "model-unit";
    tests = [ "tests/model" ];
    groups = [
      "test"
      "model"
    ];
    sources = {
      "tests/lib/booksync_testing" = ../../tests/lib/booksync_testing;
      "tests/model" = ../../tests/model;
      "nix/builders/booksync_build" = ../builders/booksync_build;
    };
    pythonPath = [
      "nix/builders"
      "tests/lib"
    ];
    env.BOOKSYNC_LIBSTDCXX = builders.libstdcxx;
  };
}
