"""Whatever a client sends: never a server error, never a status, a type or a body that the document does not have.

Requests are made up from the document by schemathesis, for each address as many as BOOKSYNC_EXAMPLES says.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from booksync_auth_testing.household import KEY, PASSWORD, V1, Person, parse_person
from booksync_service_testing import processes
from booksync_service_testing.server import make_database, render
from booksync_service_testing.serving import PATIENCE

EXAMPLES = int(os.environ.get("BOOKSYNC_EXAMPLES", "10"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
