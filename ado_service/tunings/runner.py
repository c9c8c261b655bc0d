"""Runs one claimed tuning to its end, or hands it back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ado_service.jobs.asked import SubmissionError
from ado_service.local_llm import LocalModelError, require_extra
from ado_service.settings import Settings
from ado_service.store.errors import AlreadyExists, DatabaseUnavailable, LeaseLost, NotFound
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningMetrics, TuningRecord, TuningState, WantedTuning
from ado_service.tunings.errors import TuningFailed, TuningStopped
from circuits.errors import CircuitError
from simulators.ngspice.errors import SimulatorError

if TYPE_CHECKING:
    from ado_service.tunings.trainer import Progress

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.5
_TELL_SECONDS, _TELL_SHARE = 1.0, 0.005
"""How often progress goes on record: at most once a second, and the longer the rarer."""
_NICE = 10
OUT_OF_MEMORY = (
    "memory ran out; take a smaller batch, --checkpointing, method qst or a smaller model, or free "
    "memory"
)
"""What is said of a tuning that does not fit."""


def tuning_folder(settings: Settings, tuning_id: str) -> Path:
    """Where a tuning keeps its checkpoints and, in `model`, what it came to."""
    return settings.data_dir / "tunings" / tuning_id


def be_kind() -> None:
    """Let every other process of the machine go first."""
    os.nice(_NICE)


@dataclass(frozen=True, slots=True)
class _Ending:
    state: TuningState
    message: str = ""
    metrics: TuningMetrics | None = None


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

    def run(self, lease: Lease, watch: Callable[[], None] = lambda: None) -> None:
        """Run the leased tuning and give it back: completed, failed, or as the user wants it.

        What goes wrong inside it ends as its `failed` state with a message. A lost lease or
        database leaves it to whoever claims it next.

        Args:
            lease: of the tuning; it ends here.
            watch: called whenever something was written, for progress bars.
        """
        log = _log.bind(tuning=lease.job_id)
        folder = tuning_folder(self._settings, lease.job_id)
        try:
            ending = self._ending(lease, folder, watch)
            self._store.tuning_leases.release(lease, ending.state, ending.message, ending.metrics)
            state = self._store.tunings.get(lease.job_id).state
            _tidy(folder, state, registered=self._is_registered(folder))
        except LeaseLost:
            log.warning("lease_lost")
            return
        except DatabaseUnavailable as error:
            log.warning("database_unavailable", detail=str(error))
            return
        log.info("tuning_released", state=ending.state.value, message=ending.message)

    def _is_registered(self, folder: Path) -> bool:
        """Whether a model on record has its files in the folder of a tuning."""
        place = folder.resolve()
        return any(record.path.is_relative_to(place) for record in self._store.models.list())

    def _ending(self, lease: Lease, folder: Path, watch: Callable[[], None]) -> _Ending:
        try:
            return _Ending(TuningState.COMPLETED, metrics=self._tune(lease, folder, watch))
        except TuningStopped:
            return _Ending(TuningState.QUEUED)
        except (
            TuningFailed,
            SubmissionError,
            LocalModelError,
            CircuitError,
            SimulatorError,
            AlreadyExists,
            NotFound,
        ) as error:
            return _Ending(TuningState.FAILED, str(error))
        except OSError as error:
            return _Ending(TuningState.FAILED, f"{folder} cannot be used: {error}")
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:
            if ran_out_of_memory(error):
                return _Ending(TuningState.FAILED, OUT_OF_MEMORY)
            # The last resort: a tuning must end in a true state even over a mistake of ours.
            _log.exception("tuning_failed", tuning=lease.job_id)
            kind = type(error).__name__
            return _Ending(TuningState.FAILED, f"internal error ({kind}); see the runner's log")

    def _tune(self, lease: Lease, folder: Path, watch: Callable[[], None]) -> TuningMetrics:
        require_extra()
        # torch, transformers and peft take seconds to import.
        from ado_service.tunings.run import Reports, tune

        folder.mkdir(parents=True, exist_ok=True)
        tuning = self._store.tunings.get(lease.job_id)
        teller = _Teller(self._store, lease, tuning, watch)
        look = _Look(self._store, lease, self._drain)
        reports = Reports(teller.note, teller.progress, look)
        return tune(self._store, self._settings, tuning, folder, reports)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on a GPU or not."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


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
        self._store.tuning_leases.progress(self._lease, done.step, done.loss, done.seconds)
        self._watch()


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
            tuning = self._store.tunings.get(self._lease.job_id)
            if tuning.wanted_state is WantedTuning.CANCEL:
                raise TuningStopped


def _tidy(folder: Path, state: TuningState, *, registered: bool) -> None:
    """Remove what nobody needs any more: checkpoints at the end, all where there is no model.

    A tuning whose process died behind the registration may end as failed or cancelled all the
    same: the files of a model on record stay.
    """
    if state is TuningState.COMPLETED or (state.ended and registered):
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        (folder / "before.json").unlink(missing_ok=True)
    elif state.ended:
        shutil.rmtree(folder, ignore_errors=True)
