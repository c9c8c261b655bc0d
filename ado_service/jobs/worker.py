"""A thread that claims jobs and runs them, one after the other."""

from __future__ import annotations

import threading

import structlog

from ado_service.jobs.runner import Runner
from ado_service.jobs.runner_name import runner_name
from ado_service.llm.endpoints import Endpoints
from ado_service.local_llm.hosted_models import HostedModels
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.errors import StoreError
from ado_service.store.store import Store

_log = structlog.get_logger(__name__)
_IDLE_SECONDS = 0.5
_LONGEST_PAUSE = 60.0
"""Between tries on a machine that cannot simulate."""


class Worker:
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
        self._store = store
        self._settings = settings
        self.owner = owner or runner_name()
        self._own_models = HostedModels(ModelRegistry(store)) if models is None else None
        self._models = models or self._own_models
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ado-worker", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start claiming jobs."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Hand the running job back and end; what it simulates stays pending on record.

        Args:
            timeout: seconds to wait for it; None for as long as it takes.

        Returns:
            Whether it has ended.
        """
        self._stop.set()
        if self._own_models is not None:
            self._own_models.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the thread ends or `timeout` seconds have passed."""
        self._thread.join(timeout)

    def _work(self) -> None:
        endpoints = Endpoints(self._settings.llm_profiles, self._models)
        runner = Runner(self._store, self._settings, endpoints, self._stop.is_set)
        pause = _IDLE_SECONDS
        while not self._stop.is_set():
            try:
                fault = self._run_next(runner)
            except Exception:
                # Whatever it is, the next job may do better; a dead thread would run none.
                _log.exception("worker_error")
                fault = True
            pause = min(2 * pause, _LONGEST_PAUSE) if fault else _IDLE_SECONDS
            self._stop.wait(pause)
        if self._own_models is not None:
            self._own_models.close()

    def _run_next(self, runner: Runner) -> bool:
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
            if runner.run(lease) is not None:
                return True
        return False
