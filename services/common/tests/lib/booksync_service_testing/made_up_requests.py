"""Requests that schemathesis makes up from a service's document, and what every answer to them has to keep."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from booksync_common.app import create_app
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings
from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

#: Decorates a test: for each address as many requests as BOOKSYNC_EXAMPLES says, the same in every run.
made_up = settings(
    max_examples=int(os.environ.get("BOOKSYNC_EXAMPLES", "5")),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: Statuses that need not be named: what is not well-formed, and what a failing service answers, which `CHECKS` know.
_ANYWHERE = {"414", "422", "431", "500", "503"}


def load_document[S: ServiceSettings](service: Service[S], settings: S) -> dict[str, Any]:
    """Return a service's document, of an application that never runs: pytest wants the addresses before that."""
    return create_app(service, settings).openapi()


def load_strict_document[S: ServiceSettings](service: Service[S], settings: S) -> dict[str, Any]:
    """Return the document without its answer for any error: each status has to be that of an address."""
    document = load_document(service, settings)
    for methods in document["paths"].values():
        for operation in methods.values():
            problem = operation["responses"].pop("default")
            for status in _ANYWHERE | ({"400", "408", "413"} if "requestBody" in operation else set()):
                operation["responses"].setdefault(status, problem)
    return document


@contextmanager
def run_auth_beside() -> Iterator[FakeAuth]:
    """Run an Auth API in a thread: what follows does not give way to it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()
    try:
        yield asyncio.run_coroutine_threadsafe(stack.enter_async_context(run_fake_auth()), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
