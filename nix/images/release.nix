# The release: the only place that names its version and its time.
{
  version = "1.0.0";
  created = "2026-11-24T00:00:00Z";
}
