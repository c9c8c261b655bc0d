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
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.tunings.worker import TuningWorker

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
        tuner: runs tunings, each in a process of its own; None where jobs do not run here.
    """

    store: Store
    settings: Settings
    uploads: Uploads
    worker: JobWorker | None = None
    models: HostedModels = field(default_factory=HostedModels)
    closing: threading.Event = field(default_factory=threading.Event)
    tuner: JobWorker | None = None

    def close_soon(self) -> None:
        """Begin to shut down: streams and generations end, the worker takes no further batch."""
        self.closing.set()
        self.models.stop()
        for worker in (self.worker, self.tuner):
            if worker is not None:
                worker.stop(0)


@contextmanager
def running(
    settings: Settings, *, run_jobs: bool, hosted: Mapping[str, EngineFactory] | None = None
) -> Iterator[Service]:
    """A service with its database open and its worker started; drained and closed at the end.

    Without `hosted` it hosts the models on record, for chat completions and jobs alike.
    """
    with Store.open(settings.database_url, home=settings.data_dir) as store:
        models = HostedModels(ModelRegistry(store) if hosted is None else hosted)
        worker = _worker(store, settings, models) if run_jobs else None
        tuner = TuningWorker(store, settings) if run_jobs else None
        uploads = Uploads(store, settings)
        service = Service(store, settings, uploads, worker, models, tuner=tuner)
        for runs in (service.worker, service.tuner):
            if runs is not None:
                runs.start()
        try:
            yield service
        finally:
            service.close_soon()
            service.models.close()
            for runs in (service.worker, service.tuner):
                if runs is not None and not runs.stop(_DRAIN_SECONDS):
                    cure = "what it runs is taken over when its lease ends"
                    _log.warning("worker_still_busy", cure=cure)


def _worker(store: Store, settings: Settings, models: HostedModels) -> JobWorker:
    # It brings torch along, which takes seconds that a server without jobs can do without.
    from ado_service.jobs.worker import Worker

    return Worker(store, settings, models=models)


async def get_service(request: Request) -> Service:
    """The service that answers this request."""
    found: Service = request.app.state.service
    return found


async def get_store(request: Request) -> Store:
    """The design database of the service that answers this request."""
    return (await get_service(request)).store


ServiceHere = Annotated[Service, Depends(get_service)]
StoreHere = Annotated[Store, Depends(get_store)]
