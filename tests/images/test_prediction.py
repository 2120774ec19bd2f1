"""The prediction image has its model baked in, loads it without a network, and says so when it is ready."""

from booksync_testing.layout import Json
from booksync_testing.sandbox import Process
from booksync_testing.web import ask

MODEL = "all-MiniLM-L6-v2"


def test_ready_says_that_the_model_is_loaded(api: Process, port: int) -> None:
    checks: Json = ask(api, port, "/health/ready").json()["checks"]
    assert checks["model"]["status"] == "ok"
    assert MODEL in str(checks["model"])
