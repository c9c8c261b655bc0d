"""The application: routes, access, errors, and the service behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.concurrency import contextmanager_in_threadpool

from ado_service.api import (
    chat_completions,
    circuits,
    designs,
    errors,
    events,
    health,
    jobs,
    models,
    pareto,
    transcripts,
    tuning_events,
    tunings,
    uploads,
)
from ado_service.api.access import Guard
from ado_service.api.body_limit import BodyLimit
from ado_service.api.last_resort import LastResort
from ado_service.api.openapi import describe
from ado_service.api.service import running
from ado_service.local_llm.hosted_models import EngineFactory
from ado_service.settings import Settings

_ROUTERS = (
    circuits.routes,
    uploads.routes,
    jobs.routes,
    events.routes,
    transcripts.routes,
    designs.routes,
    pareto.routes,
    tunings.routes,
    tuning_events.routes,
    models.routes,
    chat_completions.routes,
    health.routes,
)


def create_app(
    settings: Settings,
    *,
    run_jobs: bool = True,
    hosted: Mapping[str, EngineFactory] | None = None,
) -> FastAPI:
    """The REST service as an ASGI application.

    Its lifespan opens the design database, starts a worker and, at the end, has it hand its job
    back.

    Args:
        settings: of the process. Serve the application through `serve.serve`, which refuses
            addresses that need a key without one.
        run_jobs: whether jobs run in this process; `ado worker` processes run them otherwise.
        hosted: the language models that this server answers chat completions with, by name;
            those on record and the embedded one when None.
    """
    app = FastAPI(
        title="ado-service",
        version=version("ado-service"),
        lifespan=partial(_lifespan, settings, run_jobs, hosted),
        # The viewers of FastAPI load scripts from elsewhere; the description itself is served.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.routers = _ROUTERS
    for routes in _ROUTERS:
        app.include_router(routes)
    errors.install(app)
    # The last one added stands in front.
    app.add_middleware(BodyLimit)
    app.add_middleware(Guard, api_key=settings.api_key)
    app.add_middleware(LastResort)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(
    settings: Settings,
    run_jobs: bool,
    hosted: Mapping[str, EngineFactory] | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    opened = running(settings, run_jobs=run_jobs, hosted=hosted)
    async with contextmanager_in_threadpool(opened) as service:
        app.state.service = service
        yield
