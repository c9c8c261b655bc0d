"""A thread that claims tunings and runs each in a process of its own, one after the other.

A process, so that training takes neither the interpreter lock nor the memory of the server, and so
that one that is killed for its memory takes nothing along. The lease is kept from here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import structlog

from ado_service.jobs.claimer import Claimer
from ado_service.jobs.lease import LeaseKeeper
from ado_service.jobs.runner_name import runner_name
from ado_service.local_llm import LocalModelError, require_extra
from ado_service.settings import Settings
from ado_service.store.errors import LeaseLost, StoreError
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningState
from ado_service.tunings.place import saved_step, sweep, tidy, tuning_folder
from ado_service.tunings.process_end import GIVEN_BACK, death

_log = structlog.get_logger(__name__)
_WATCH_SECONDS = 0.1
_SWEEP_SECONDS = 60.0
_AWAY = "the design database did not answer; it goes on from its last checkpoint"
_FIELDS = (
    "data_dir",
    "database_url",
    "processes",
    "dask_address",
    "cache",
    "cache_limit",
    "tuning_device",
    "tuning_threads",
)
"""Settings that the process is given, as they are here; the others do not concern it."""


class TuningWorker(Claimer):
    """Runs queued tunings until it is stopped; any number of them may share a database.

    A tuning that is handed back has a checkpoint of its last step.

    Args:
        store: the design database.
        settings: of this process.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__("ado-tunings")
        self._store, self._settings = store, settings
        self._owner = runner_name()
        self._swept = float("-inf")

    def start(self) -> None:
        """Start claiming tunings; without the libraries of local models there is nothing to do."""
        try:
            require_extra()
        except LocalModelError as error:
            _log.info("no_tunings_here", detail=str(error))
            return
        super().start()

    def _sweep_at_times(self) -> None:
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = time.monotonic()
            sweep(self._store, self._settings)

    def _run_next(self) -> bool:
        """Run the next tuning, if one waits; whether this machine or the database failed it."""
        try:
            self._sweep_at_times()
            return self._claim_and_run()
        except StoreError as error:
            _log.error("database_unavailable", detail=str(error))
            return True

    def _claim_and_run(self) -> bool:
        leases = self._store.tuning_leases
        lease = leases.claim(self._owner, self._settings.lease_seconds)
        if lease is None:
            return False
        _log.info("tuning_claimed", tuning=lease.job_id, owner=self._owner)
        with LeaseKeeper(leases, lease, self._settings.lease_seconds) as keeper:
            try:
                status = self._process(lease, keeper)
            except OSError as error:
                return self._not_started(lease, error)
        return self._settle(lease, status)

    def _process(self, lease: Lease, keeper: LeaseKeeper) -> int:
        """Run it in a process, which ends soon after its input does; its exit status."""
        command = [sys.executable, "-m", "ado_service.tunings"]
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, start_new_session=True
        )
        with suppress(BrokenPipeError):  # it was killed before it had read
            self._watch(process, lease, keeper)
        return process.wait()

    def _watch(self, process: subprocess.Popen[bytes], lease: Lease, keeper: LeaseKeeper) -> None:
        """Tell the process what to do, until it has ended or is to end."""
        assert process.stdin is not None
        with process.stdin as told:
            told.write(json.dumps(self._order(lease)).encode() + b"\n")
            told.flush()
            while process.poll() is None and not self._stop.wait(_WATCH_SECONDS):
                if keeper.lost.is_set():
                    process.kill()

    def _order(self, lease: Lease) -> dict[str, Any]:
        settings = self._settings.model_dump(mode="json", include=set(_FIELDS))
        return {"lease": [lease.job_id, lease.owner, lease.epoch], "settings": settings}

    def _not_started(self, lease: Lease, error: OSError) -> bool:
        said = f"the machine that runs it cannot start a process ({error.strerror})"
        _log.warning("tuning_not_started", tuning=lease.job_id, detail=str(error))
        self._store.tuning_leases.release(lease, TuningState.QUEUED, said)
        return True

    def _settle(self, lease: Lease, status: int) -> bool:
        """Give back what the process did not; whether this machine or the database failed it."""
        died = death(status)
        if status == GIVEN_BACK:
            return False
        leases = self._store.tuning_leases
        try:
            if died is None:
                leases.release(lease, TuningState.QUEUED, _AWAY)
            else:
                saved = saved_step(tuning_folder(self._settings, lease.job_id))
                leases.retry(lease, saved, died.what, died.cure)
        except LeaseLost:  # the process gave it back itself, or another runner has it
            return died is None
        _log.warning("tuning_process_ended", tuning=lease.job_id, status=status)
        tidy(self._store, self._settings, self._store.tunings.get(lease.job_id))
        return True
