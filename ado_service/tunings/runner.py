"""Runs one claimed tuning to its end, or hands it back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from ado_service.local_llm import require_extra
from ado_service.settings import Settings
from ado_service.store.errors import DatabaseUnavailable, LeaseLost
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningRecord, TuningState, WantedTuning
from ado_service.tunings.ending import MEMORY_CURE, Ending, Fault, ending
from ado_service.tunings.errors import TuningStopped
from ado_service.tunings.place import saved_step, tidy, tuning_folder

if TYPE_CHECKING:
    from ado_service.tunings.run import Tuned
    from ado_service.tunings.trainer import Progress

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.5
_TELL_SECONDS, _TELL_SHARE = 1.0, 0.005
"""How often progress goes on record: at most once a second, and the longer the rarer."""
_NICE = 10


def be_kind() -> None:
    """Let every other process of the machine go first."""
    os.nice(_NICE)


class TuningRunner:
    """Runs claimed tunings, one at a time. Whoever calls it keeps the lease alive.

    Args:
        store: the design database.
        settings: data folder, threads, device, simulator hosts.
        drain: says whether the tuning is to be handed back.
    """

    def __init__(
        self, store: Store, settings: Settings, drain: Callable[[], bool] = lambda: False
    ) -> None:
        self._store, self._settings, self._drain = store, settings, drain

    def run(self, lease: Lease, watch: Callable[[], None] = lambda: None) -> str | None:
        """Run the leased tuning and give it back: completed, failed, or as the user wants it.

        What goes wrong inside it ends as its `failed` state with a message. What is this
        machine's fault does not: the tuning is handed back. A lost lease or database leaves it to
        whoever claims it next. Its checkpoints stay in all of these cases.

        Args:
            lease: of the tuning; it ends here.
            watch: called whenever something was written, for progress bars.

        Returns:
            What is wrong with this machine or the database; None when nothing is.
        """
        log = _log.bind(tuning=lease.job_id)
        try:
            fault = self._run(lease, watch)
            tuning = self._store.tunings.get(lease.job_id)
            tidy(self._store, self._settings, tuning)
        except LeaseLost:
            log.warning("lease_lost")
            return None
        except DatabaseUnavailable as error:
            log.warning("database_unavailable", detail=str(error))
            return str(error)
        log.info("tuning_released", state=tuning.state.value, message=tuning.detail or fault)
        return fault

    def _run(self, lease: Lease, watch: Callable[[], None]) -> str | None:
        try:
            tuned = self._tune(lease, watch)
            leases = self._store.tuning_leases
            leases.complete(lease, tuned.metrics, tuned.model, tuned.backbone)
        except TuningStopped:
            self._store.tuning_leases.release(lease, TuningState.QUEUED)
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:
            found = ending(error)
            if found.fault is Fault.OURS:
                # The last resort: a tuning must end in a true state even over a mistake of ours.
                _log.exception("tuning_failed", tuning=lease.job_id)
            return self._give_back(lease, found)
        return None

    def _give_back(self, lease: Lease, found: Ending) -> str | None:
        """What is wrong with this machine; None when nothing is."""
        leases = self._store.tuning_leases
        saved = saved_step(tuning_folder(self._settings, lease.job_id))
        said = f"{found.message}; {MEMORY_CURE}" if found.fault is Fault.MEMORY else found.message
        if found.fault is Fault.MACHINE:
            state = leases.release(lease, TuningState.QUEUED, said, found.detail)
        elif found.fault is Fault.MEMORY and saved:
            state = leases.retry(lease, saved, found.message, MEMORY_CURE)
        else:
            state = leases.release(lease, TuningState.FAILED, said, found.detail)
        return (found.detail or said) if state is TuningState.QUEUED else None

    def _tune(self, lease: Lease, watch: Callable[[], None]) -> Tuned:
        require_extra()
        # torch, transformers and peft take seconds to import.
        from ado_service.tunings.run import Reports, tune

        folder = tuning_folder(self._settings, lease.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        tuning = self._store.tunings.get(lease.job_id)
        teller = _Teller(self._store, lease, tuning, watch)
        look = _Look(self._store, lease, self._drain)
        reports = Reports(teller.note, teller.progress, look)
        return tune(self._store, self._settings, tuning, folder, reports)


class _Teller:
    """Puts on record how far a tuning is."""

    def __init__(
        self, store: Store, lease: Lease, tuning: TuningRecord, watch: Callable[[], None]
    ) -> None:
        self._store, self._lease, self._watch = store, lease, watch
        self._steps = tuning.config.steps
        self._told = float("-inf")

    def note(self, message: str) -> None:
        self._store.tuning_leases.note(self._lease, message)
        self._watch()

    def progress(self, done: Progress) -> None:
        moment = time.monotonic()
        pause = max(_TELL_SECONDS, _TELL_SHARE * done.seconds)
        if moment - self._told < pause and done.step < self._steps:
            return
        self._told = moment
        try:
            self._store.tuning_leases.progress(self._lease, done.step, done.loss, done.seconds)
            self._watch()
        except DatabaseUnavailable as error:  # the next look stops it, with a checkpoint
            _log.warning("progress_not_told", tuning=self._lease.job_id, detail=str(error))


class _Look:
    """Looks twice a second whether the tuning is to go on."""

    def __init__(self, store: Store, lease: Lease, drain: Callable[[], bool]) -> None:
        self._store, self._lease, self._drain = store, lease, drain
        self._looked = float("-inf")

    def __call__(self) -> None:
        if self._drain():
            raise TuningStopped
        moment = time.monotonic()
        if moment - self._looked >= _LOOK_SECONDS:
            self._looked = moment
            try:
                tuning = self._store.tunings.get(self._lease.job_id)
            except DatabaseUnavailable as error:  # to be handed back, with a checkpoint
                raise TuningStopped from error
            if tuning.wanted_state is WantedTuning.CANCEL:
                raise TuningStopped
