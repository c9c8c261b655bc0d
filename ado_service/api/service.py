"""What the routes work with: the open store, the settings, the worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import structlog
from fastapi import Depends, Request

from ado_service.jobs.upload import Uploads
from ado_service.local_llm.hosted_models import EngineFactory, HostedModels
from ado_service.settings import Settings
from ado_service.store.store import Store

_log = structlog.get_logger(__name__)
_DRAIN_SECONDS = 30.0


class JobWorker(Protocol):
    """What runs the jobs in this process; `jobs.worker.Worker` is one."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Begin to claim jobs."""
        ...

    def stop(self, timeout: float | None = None) -> bool:
        """Hand the running job back; whether it ended in `timeout` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that one server process holds.

    Attributes:
        store: the design database, open.
        settings: of the process.
        uploads: takes users' circuits in.
        worker: runs jobs here; None where `ado worker` processes do.
        models: the language models that chat completions are asked of.
        closing: set when the server shuts down, for those who stream.
    """

    store: Store
    settings: Settings
    uploads: Uploads
    worker: JobWorker | None = None
    models: HostedModels = field(default_factory=HostedModels)
    closing: threading.Event = field(default_factory=threading.Event)

    def close_soon(self) -> None:
        """Begin to shut down: streams and generations end, the worker takes no further batch."""
        self.closing.set()
        self.models.stop()
        if self.worker is not None:
            self.worker.stop(0)


@contextmanager
def running(
    settings: Settings, *, run_jobs: bool, hosted: Mapping[str, EngineFactory] | None = None
) -> Iterator[Service]:
    """A service with its database open and its worker started; drained and closed at the end."""
    with Store.open(settings.database_url) as store:
        worker = _worker(store, settings) if run_jobs else None
        models = HostedModels(hosted)
        service = Service(store, settings, Uploads(store, settings), worker, models)
        if service.worker is not None:
            service.worker.start()
        try:
            yield service
        finally:
            service.close_soon()
            service.models.close()
            if service.worker is not None and not service.worker.stop(_DRAIN_SECONDS):
                _log.warning("worker_still_busy", cure="its job is taken over when its lease ends")


def _worker(store: Store, settings: Settings) -> JobWorker:
    # It brings torch along, which takes seconds that a server without jobs can do without.
    from ado_service.jobs.worker import Worker

    return Worker(store, settings)


async def get_service(request: Request) -> Service:
    """The service that answers this request."""
    found: Service = request.app.state.service
    return found


async def get_store(request: Request) -> Store:
    """The design database of the service that answers this request."""
    return (await get_service(request)).store


ServiceHere = Annotated[Service, Depends(get_service)]
StoreHere = Annotated[Store, Depends(get_store)]
