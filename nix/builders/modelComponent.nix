# The model as an entry of a bill of materials, whichever form of it is in an image.
{ locks }:
folder: {
  name = builtins.baseNameOf folder;
  inherit (locks.model) version sha256;
  purl = "pkg:pypi/${locks.model.package}@${locks.model.version}";
  supplier = "sentence-transformers";
  licence = "Apache-2.0";
  purpose = "machine-learning-model";
  source = locks.model.file;
}
