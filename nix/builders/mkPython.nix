/**
  Make a derivation whose builder is one module of `booksync_build`.

  The module finds its arguments as JSON (structured attributes); only the modules that it names
  enter its inputs, so that a change of one step does not rebuild what the others made.

  # Type
  mkPython :: { name, module, uses ? [], ... } -> Derivation

  # Arguments
  module: the module of booksync_build to run
  uses: other modules of booksync_build that it imports
  ...: whatever the module reads

  # Example
  mkPython { name = "layer-base"; module = "layer"; tree = base; }
*/
{
  platform,
  python,
  isVaried,
}:
{
  name,
  module,
  uses ? [ ],
  ...
}@arguments:
let
  modules = [
    "__init__"
    "attributes"
    module
  ]
  ++ uses
  ++ (if isVaried then [ "variation" ] else [ ]);
  source = builtins.path {
    name = "build-steps";
    path = ./.;
    filter =
      path: _:
      builtins.baseNameOf path == "booksync_build"
      || builtins.any (stem: builtins.match ".*/booksync_build/${stem}\\.py" path != null) modules;
  };
  vary = if isVaried then "from booksync_build import variation; variation.apply(); " else "";
  run = "import runpy, sys; sys.path.insert(0, '${source}'); ${vary}runpy.run_module('booksync_build.${module}', run_name='__main__')";
in
derivation (
  {
    inherit (platform) system;
    __structuredAttrs = true;
    builder = builtins.head python.command;
    args = builtins.tail python.command ++ [
      "-I"
      "-B"
      # what this compiles has lines and no columns, which are a quarter of a compressed .pyc
      "-X"
      "no_debug_ranges"
      "-c"
      run
    ];
  }
  // builtins.removeAttrs arguments [
    "module"
    "uses"
  ]
)
