/**
  Whether a wheel fits every platform: its platform tag is `any` (PyPA binary distribution format).

  # Type
  isPureWheel :: String -> Bool

  # Example
  isPureWheel "fastapi-0.165.0-py3-none-any.whl"   # true
*/
file: builtins.match ".*-any\\.whl" file != null
