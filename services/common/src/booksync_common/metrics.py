"""Figures for Prometheus."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

#: Anything else would let a client make as many series as it likes.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# s: login takes a quarter of one, a prediction up to three
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one application; a registry of its own, so that two in one process do not clash."""

    def __init__(self) -> None:
        """Register the figures."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        labels = ("method", "route")
        self._requests = Counter("http_requests", "Requests answered", (*labels, "status"), registry=self.registry)
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer", labels, buckets=BUCKETS, registry=self.registry
        )
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered", registry=self.registry)
        self.ready = Gauge("booksync_ready", "1 when start-up is done", registry=self.registry)

    def observe(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answer.

        :param route: the template of the address; None when there is none.
        """
        labels = (method if method in METHODS else "other", route or "none")
        self._requests.labels(*labels, str(status)).inc()
        self._seconds.labels(*labels).observe(seconds)


def make_router(metrics: Metrics) -> APIRouter:
    """Make the address that Prometheus reads."""
    router = APIRouter(tags=["health"])

    @router.get("/metrics", summary="Figures in Prometheus' text format", response_class=Response)
    async def get_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
