# How often engines look after a container, in ns.
let
  seconds = 1000000000;
in
{
  test,
  startPeriod ? 60,
  retries,
}:
{
  Test = [
    "CMD-SHELL"
    test
  ];
  # a check costs a small machine some tenths of a second; until the first success engines ask three times as often
  Interval = 30 * seconds;
  StartInterval = 10 * seconds;
  Timeout = 5 * seconds;
  StartPeriod = startPeriod * seconds;
  Retries = retries;
}
