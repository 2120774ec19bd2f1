"""The service over HTTP: addresses, bodies, answers."""

#: Where every address is, unless it says otherwise.
ROOT = "/api/v1"
