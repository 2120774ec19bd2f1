# An assertion: a place is none of those that units with ProtectHome see empty.
{
  option,
  unit,
  place,
}:
{
  assertion = builtins.match "(/home|/root|/run/user)(/.*)?" (toString place) == null;
  message = "${option}: expected a place outside /home, /root and /run/user, which ${unit} cannot see (ProtectHome), got ${toString place}";
}
