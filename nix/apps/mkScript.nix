/**
  A shell script as an executable for busybox's shell, which needs nothing of the host.

  # Type
  mkScript :: { name, script } -> Derivation

  # Arguments
  name: of the executable in bin/
  script: what follows its first line
*/
{ platform, builders }:
{ name, script }:
let
  busybox = "${builders.busybox}/bin/busybox";
in
derivation {
  inherit name busybox;
  inherit (platform) system;
  script = "#!${busybox} sh\n${script}";
  builder = busybox;
  args = [
    "sh"
    "-ec"
    ''
      $busybox mkdir -p $out/bin
      $busybox printf '%s' "$script" > $out/bin/$name
      $busybox chmod 0555 $out/bin/$name
    ''
  ];
  preferLocalBuild = true;
}
