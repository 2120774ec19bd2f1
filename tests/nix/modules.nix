# As much of nixpkgs' module system as nix/nixos needs, to evaluate it where there is no nixpkgs: imports, options with
# types and defaults, conditions that are pushed down, merging, and a refusal of what no option is for.
let
  inherit (builtins)
    all
    attrNames
    concatLists
    concatMap
    elem
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    listToAttrs
    mapAttrs
    match
    tail
    ;
  isOf = kind: value: isAttrs value && (value._type or null) == kind;
  show = path: builtins.concatStringsSep "." path;
  shown = value: builtins.toJSON (if isFunction value then "a function" else value);
  zip = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
  unique = foldl' (names: name: if elem name names then names else names ++ [ name ]) [ ];

  # definitions of one option among a module's own; conditions stay with what they are of
  at =
    path: value:
    if isOf "if" value then
      map (content: value // { inherit content; }) (at path value.content)
    else if path == [ ] then
      [ value ]
    else if isAttrs value && value ? ${head path} then
      at (tail path) value.${head path}
    else
      [ ];
  holding =
    value:
    if isOf "if" value then
      (if value.condition then holding value.content else [ ])
    else
      [ value ];

  # what is defined without an option
  unknown =
    path: options: value:
    if isOf "if" value then
      unknown path options value.content
    else
      concatMap (
        name:
        if !(options ? ${name}) then
          [ (show (path ++ [ name ])) ]
        else if isOf "option" options.${name} then
          [ ]
        else
          unknown (path ++ [ name ]) options.${name} value.${name}
      ) (attrNames value);

  mergeOptions =
    a: b:
    a
    // mapAttrs (
      name: value:
      if a ? ${name} && !(isOf "option" value) then mergeOptions a.${name} value else value
    ) b;

  load =
    arguments: module:
    let
      content = if isFunction module then module arguments else if isAttrs module then module else load' module;
      load' = file: let found = import file; in if isFunction found then found arguments else found;
      isPlain = !(content ? options || content ? config || content ? imports);
    in
    [
      {
        options = content.options or { };
        config = if isPlain then content else content.config or { };
      }
    ]
    ++ concatMap (load arguments) (if isPlain then [ ] else content.imports or [ ]);

  evaluate =
    {
      modules,
      arguments ? { },
      path ? [ ],
    }:
    let
      loaded = concatMap (load (arguments // { inherit config; })) modules;
      options = foldl' mergeOptions { } (map (module: module.options) loaded);
      strangers = concatMap (module: unknown path options module.config) loaded;
      valueOf =
        place: option:
        let
          found = concatMap holding (concatMap (module: at place module.config) loaded);
          full = path ++ place;
          wrong = builtins.filter (value: !option.type.check value) found;
        in
        if wrong != [ ] then
          throw "option ${show full}: expected ${option.type.name}, got ${shown (head wrong)}"
        else if found != [ ] then
          option.type.merge full found
        else if option ? default then
          option.type.merge full [ option.default ]
        else
          throw "option ${show full} has no value";
      walk =
        place:
        mapAttrs (
          name: value:
          (if isOf "option" value then valueOf else walk) (place ++ [ name ]) value
        );
      config = walk [ ] options;
    in
    if strangers == [ ] then config else throw "there is no option ${head strangers}";

  one =
    path: values:
    if all (value: value == head values) values then
      head values
    else
      throw "option ${show path} has several values";
  scalar = name: check: {
    inherit name check;
    merge = one;
  };
in
{
  inherit evaluate;

  lib = {
    mkOption = option: option // { _type = "option"; };
    mkEnableOption = what: {
      _type = "option";
      type = scalar "a Boolean" isBool;
      default = false;
      description = "Whether to enable ${what}.";
    };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalAttrs = condition: values: if condition then values else { };

    types = rec {
      bool = scalar "a Boolean" isBool;
      int = scalar "an integer" isInt;
      ints = {
        unsigned = scalar "an integer that is not negative" (value: isInt value && value >= 0);
        positive = scalar "a positive integer" (value: isInt value && value > 0);
      };
      str = scalar "a string" isString;
      path = scalar "an absolute path" (value: match "/.*" (toString value) != null);
      port = scalar "a port" (value: isInt value && value >= 0 && value < 65536);
      anything = scalar "anything" (_value: true);
      package = scalar "a package" (value: isAttrs value && value.type or null == "derivation");
      strMatching =
        pattern: scalar "a string like ${pattern}" (value: isString value && match pattern value != null);
      enum = values: scalar "one of ${shown values}" (value: elem value values);
      nullOr = type: {
        name = "null or ${type.name}";
        check = value: value == null || type.check value;
        merge = path: values: if all (value: value == null) values then null else type.merge path values;
      };
      listOf = type: {
        name = "a list, each ${type.name}";
        check = value: isList value && all type.check value;
        merge = _path: concatLists;
      };
      attrsOf = type: {
        name = "attributes, each ${type.name}";
        check = value: isAttrs value && all (name: all type.check (holding value.${name})) (attrNames value);
        merge =
          path: values:
          zip (unique (concatMap attrNames values)) (
            name:
            type.merge (path ++ [ name ]) (concatMap (value: concatMap holding (at [ name ] value)) values)
          );
      };
      submodule = module: {
        name = "a submodule";
        check = isAttrs;
        merge =
          path: values:
          evaluate {
            inherit path;
            modules = [ module ] ++ map (config: { inherit config; }) values;
          };
      };
    };
  };
}
