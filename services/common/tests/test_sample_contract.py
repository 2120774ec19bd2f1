"""The sample service, on which the tests beside this one stand, keeps the contract of the real ones."""

from booksync_api_sample.service import SERVICE
from booksync_service_testing.contract import ServiceContract


class TestSample(ServiceContract):
    """The sample service."""

    service = SERVICE
    port = 8999
    tables = frozenset({"notes"})
