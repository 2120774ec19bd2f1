"""A certificate for servers of tests on 127.0.0.1, and its key."""

from pathlib import Path

CERTIFICATE = Path(__file__).with_name("certificate.pem")
KEY = Path(__file__).with_name("key.pem")
