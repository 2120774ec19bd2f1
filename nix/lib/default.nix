# Table of contents: pure functions and data, no derivation.
{
  platforms = import ./platforms.nix;
  platformOf = import ./platformOf.nix;
  toStoreName = import ./toStoreName.nix;
  parseLocks = import ./parseLocks.nix;
  subtractLists = import ./subtractLists.nix;
  isPureWheel = import ./isPureWheel.nix;
  fix = import ./fix.nix;
}
