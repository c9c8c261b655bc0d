"""A thread that claims tunings and runs each in a process of its own, one after the other.

A process, so that training takes neither the interpreter lock nor the memory of the server, and so
that one that is killed for its memory takes nothing along. The lease is kept from here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import structlog

from ado_service.jobs.lease import LeaseKeeper
from ado_service.jobs.runner_name import runner_name
from ado_service.local_llm import LocalModelError, require_extra
from ado_service.settings import Settings
from ado_service.store.errors import LeaseLost, StoreError
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningState

_log = structlog.get_logger(__name__)
_IDLE_SECONDS = 0.5
_WATCH_SECONDS = 0.1
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


class TuningWorker:
    """Runs queued tunings until it is stopped; any number of them may share a database.

    Args:
        store: the design database.
        settings: of this process.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._owner = runner_name()
        self._stop = threading.Event()
        self._died: dict[str, int] = {}  # at which step the process of a tuning was killed
        self._thread = threading.Thread(target=self._work, name="ado-tunings", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start claiming tunings; without the libraries of local models there is nothing to do."""
        try:
            require_extra()
        except LocalModelError as error:
            _log.info("no_tunings_here", detail=str(error))
            return
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Hand the running tuning back, with a checkpoint less old than `save_every` steps.

        Args:
            timeout: seconds to wait for it; None for as long as it takes.

        Returns:
            Whether it has ended.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._run_next()
            except StoreError as error:
                _log.error("claim_failed", detail=str(error))
            except Exception:
                # Whatever it is, the next tuning may do better; a dead thread would run none.
                _log.exception("tuning_worker_error")
            self._stop.wait(_IDLE_SECONDS)

    def _run_next(self) -> None:
        leases = self._store.tuning_leases
        lease = leases.claim(self._owner, self._settings.lease_seconds)
        if lease is None:
            return
        _log.info("tuning_claimed", tuning=lease.job_id, owner=self._owner)
        with LeaseKeeper(leases, lease, self._settings.lease_seconds) as keeper:
            status = self._process(lease, keeper)
        self._settle(lease, status)

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

    def _settle(self, lease: Lease, status: int) -> None:
        """Give back what the process did not: it was killed, or it could not begin.

        Once it may have been bad luck, and it goes on from its last checkpoint. A second time
        without a step between them is no luck.
        """
        step = self._store.tunings.get(lease.job_id).step
        again = self._died.get(lease.job_id) == step
        what = f"its process was ended by {_named(status)} at step {step}"
        cure = "probably memory ran out: take a smaller batch, --checkpointing or a smaller model"
        state = TuningState.FAILED if again else TuningState.QUEUED
        try:
            message = f"{what}, twice; {cure}" if again else f"{what}; it is tried again"
            self._store.tuning_leases.release(lease, state, message)
        except LeaseLost:
            self._died.pop(lease.job_id, None)  # the process gave it back itself
        else:
            self._died[lease.job_id] = step
            _log.warning("tuning_process_died", tuning=lease.job_id, status=status)


def _named(status: int) -> str:
    """An exit status in words."""
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
