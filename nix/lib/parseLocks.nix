/**
  Everything the locks pin, as one set: artifact key -> { name, hash, mode }.

  `name` is its name in the Nix store; `mode` is Nix's outputHashMode: `flat` is the SHA-256 of
  the file, `recursive` the one of the NAR of the directory. Keys read "debian amd64 libc6",
  "wheels arm64 fastapi", "busybox amd64", "python", "go", "model", "pgvector".

  # Type
  parseLocks :: { debian, wheels, python, go, model, pgvector } -> AttrSet
*/
locks:
let
  toStoreName = import ./toStoreName.nix;

  flat =
    file: entry: {
      name = toStoreName (builtins.baseNameOf file);
      hash = entry.sha256;
      mode = "flat";
    };

  recursive = name: entry: {
    inherit name;
    hash = entry.narHash;
    mode = "recursive";
  };

  # { amd64 = { libc6 = entry; }; } -> { "debian amd64 libc6" = artifact; }
  keyed =
    prefix: toArtifact: byArchitecture:
    builtins.listToAttrs (
      builtins.concatMap (
        architecture:
        builtins.attrValues (
          builtins.mapAttrs (name: entry: {
            name = "${prefix} ${architecture} ${name}";
            value = toArtifact entry;
          }) byArchitecture.${architecture}
        )
      ) (builtins.attrNames byArchitecture)
    );

  busybox = builtins.listToAttrs (
    map (architecture: {
      name = "busybox ${architecture}";
      value = recursive "busybox-${architecture}" locks.debian.busybox.${architecture};
    }) (builtins.attrNames locks.debian.busybox)
  );
in
keyed "debian" (entry: flat entry.path entry) locks.debian.packages
// keyed "wheels" (entry: flat entry.file entry) locks.wheels.wheels
// busybox
// {
  python = flat locks.python.file locks.python;
  go = recursive locks.go.vendor.name locks.go.vendor;
  model = flat locks.model.file locks.model;
  pgvector = flat locks.pgvector.path locks.pgvector;
}
