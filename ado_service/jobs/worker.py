"""A thread that claims jobs and runs them, one after the other."""

from __future__ import annotations

import structlog

from ado_service.jobs.claimer import Claimer
from ado_service.jobs.runner import Runner
from ado_service.jobs.runner_name import runner_name
from ado_service.llm.endpoints import Endpoints
from ado_service.local_llm.hosted_models import HostedModels
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.errors import StoreError
from ado_service.store.store import Store

_log = structlog.get_logger(__name__)


class Worker(Claimer):
    """Runs queued jobs until it is stopped; any number of them may share a database.

    Args:
        store: the design database.
        settings: see `Runner`.
        owner: name under which it holds leases; a unique one when None.
        models: the language models of this process; those on record when None, which end with
            the worker.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        owner: str | None = None,
        models: HostedModels | None = None,
    ) -> None:
        super().__init__("ado-worker")
        self._store = store
        self._settings = settings
        self.owner = owner or runner_name()
        self._own_models = HostedModels(ModelRegistry(store)) if models is None else None
        endpoints = Endpoints(settings.llm_profiles, models or self._own_models)
        self._runner = Runner(store, settings, endpoints, self._stop.is_set)

    def stop(self, timeout: float | None = None) -> bool:
        """See `Claimer`; what the running job simulates stays pending on record."""
        self._stop.set()
        if self._own_models is not None:
            self._own_models.stop()
        return super().stop(timeout)

    def _run_next(self) -> bool:
        """Claim and run jobs until none waits; whether this machine or the database failed."""
        while not self._stop.is_set():
            try:
                lease = self._store.leases.claim(self.owner, self._settings.lease_seconds)
            except StoreError as error:
                _log.error("claim_failed", detail=str(error))
                return True
            if lease is None:
                return False
            _log.info("job_claimed", job=lease.job_id, owner=self.owner)
            if self._runner.run(lease) is not None:
                return True
        return False

    def _end(self) -> None:
        if self._own_models is not None:
            self._own_models.close()
