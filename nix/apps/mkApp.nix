/**
  A program of booksync_apps as an executable that needs nothing of the host: no /bin/sh, no
  /lib64, no Python.

  # Type
  mkApp :: { name, environment ? {}, defaults ? {}, site ? [] } -> Derivation

  # Arguments
  name: the app's name in booksync_apps, and of the executable in bin/
  environment: variables that the program gets
  defaults: variables that it gets unless the caller has set them
  site: trees of wheels that it imports from

  # Example
  mkApp { name = "push"; environment.BOOKSYNC_ORAS = "${goTools}/bin/oras"; }
*/
{ platform, builders }:
{
  name,
  environment ? { },
  defaults ? { },
  site ? [ ],
}:
let
  inherit (builtins) attrValues concatStringsSep mapAttrs;
  mkScript = import ./mkScript.nix { inherit platform builders; };

  source = builtins.path {
    name = "booksync-apps";
    path = ./.;
    filter =
      path: type:
      if type == "directory" then
        builtins.match ".*/booksync_apps(/[a-z]+)?" path != null
      else
        builtins.match ".*/booksync_apps/([a-z]+/)?[^/]+\\.py" path != null;
  };
  extend = concatStringsSep "" (
    map (tree: "sys.path.append('${tree}/usr/local/lib/python3.12/site-packages'); ") site
  );
  # isolated: neither PYTHON* variables nor the folder that one is in decide what is imported
  run = "import runpy, sys; sys.path.insert(0, '${source}'); ${extend}runpy.run_module('booksync_apps', run_name='__main__', alter_sys=True)";
  command = concatStringsSep " " builders.python.command;
in
mkScript {
  inherit name;
  script = concatStringsSep "\n" (
    attrValues (mapAttrs (variable: value: "export ${variable}=\"${value}\"") environment)
    ++ attrValues (
      mapAttrs (variable: value: "export ${variable}=\"\${${variable}:-${value}}\"") defaults
    )
    ++ [
      "exec ${command} -I -B -c \"${run}\" ${name} \"$@\""
      ""
    ]
  );
}
