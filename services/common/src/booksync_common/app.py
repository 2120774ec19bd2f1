"""Put an application together."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from booksync_common import documentation, health, metrics, problem_schema, problems
from booksync_common.body_limit import BodyLimitMiddleware
from booksync_common.database import Database
from booksync_common.requests import RequestMiddleware, StartingMiddleware
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings
from booksync_common.startup import Startup, end_process, freeze_memory

_OPTIONS = inspect.signature(APIRouter.add_api_route).parameters.keys()

#: The root of what has a version.
VERSIONED = "/api/v1"

logger = logging.getLogger(__name__)


def make_database[S: ServiceSettings](service: Service[S], settings: S) -> Database | None:
    """Describe the service's database; None when the settings name none."""
    if settings.database is None:
        return None
    return Database(
        settings.database,
        application=service.distribution,
        schema=service.name,
        pool_size=settings.database_pool_size,
        pool_timeout=settings.database_pool_timeout,
        server_settings=service.server_settings,
        echo=settings.database_echo,
    )


def create_app[S: ServiceSettings](
    service: Service[S],
    settings: S,
    *,
    on_ready: Callable[[], None] = freeze_memory,
    on_fatal: Callable[[], None] = end_process,
) -> FastAPI:
    """Make the application of a service. Connects to nothing: the lifespan does.

    :param on_ready: called when start-up is done; by default, for the one application of a process.
    :param on_fatal: called when start-up fails for good.
    """
    database = make_database(service, settings)
    migrations = service.migrations(settings)
    parts = service.parts(settings)
    startup = Startup(
        database=database,
        migrations=migrations,
        parts=parts,
        auto_migrate=settings.auto_migrate,
        on_ready=on_ready,
        on_fatal=on_fatal,
    )
    checkup = health.Health(database=database, migrations=migrations, parts=parts, startup=startup)
    figures = metrics.Metrics()
    figures.ready.set_function(lambda: startup.is_ready)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for finding in settings.findings():
            logger.warning("%s", finding)
        task = asyncio.create_task(startup.run(), name="startup")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await checkup.stop()
            for part in parts:
                await part.stop()
            if database is not None:
                await database.close()

    app = FastAPI(
        title=service.title,
        description=service.program.description,
        version=service.version,
        lifespan=lifespan,
        docs_url=None,  # ours has a policy
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would look for OpenTelemetry each time
        responses=problem_schema.ANY_ERROR,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.startup = startup
    app.state.parts = {part.name: part for part in parts}
    problems.install(app)
    problem_schema.install(app)
    # the last is the outermost
    app.add_middleware(BodyLimitMiddleware, limit=service.max_body, large=service.large_bodies)
    app.add_middleware(StartingMiddleware, startup=startup)
    app.add_middleware(RequestMiddleware, metrics=figures)

    state = health.make_router(name=service.distribution, version=service.version, health=checkup)
    routers = [
        *service.routers,  # first, as they are asked most
        state,
        metrics.make_router(figures),
        documentation.make_router(title=service.title, openapi_url="openapi.json"),
    ]
    for router in routers:
        add_routes(app, router)
    # some clients ask for these where everything else is
    versioned = APIRouter(prefix=VERSIONED, include_in_schema=False)
    versioned.include_router(state)
    versioned.include_router(documentation.make_router(title=service.title, openapi_url="../../openapi.json"))
    add_routes(app, versioned)
    return app


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Add a router's routes one by one, as FastAPI matches a request twice with each of an included router."""
    for route in iter_route_contexts(router.routes):
        original = route.original_route
        assert isinstance(original, APIRoute)  # noqa: S101 - what routers make
        options = {name: getattr(route, name) for name in _OPTIONS if hasattr(route, name)}
        app.router.add_api_route(**options, route_class_override=type(original))
