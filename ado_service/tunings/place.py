"""Where a tuning keeps its files, how far they go, and when they go.

ADO_DATA_DIR/tunings/TUNING/checkpoints/step-000000050   as long as somebody may go on from it
ADO_DATA_DIR/tunings/TUNING/before.json                  as long as these
ADO_DATA_DIR/tunings/TUNING/model                        what it came to
"""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from ado_service.settings import Settings
from ado_service.store.errors import NotFound
from ado_service.store.store import Store
from ado_service.store.tuning_record import TuningRecord, TuningState, WantedTuning

CHECKPOINTS, BEFORE, MODEL = "checkpoints", "before.json", "model"
STEP = "step-"
"""What the folder of a checkpoint is called, the number of the step behind it."""
_log = structlog.get_logger(__name__)


def tuning_folder(settings: Settings, tuning_id: str) -> Path:
    """Where a tuning keeps its checkpoints and, in `model`, what it came to."""
    return _home(settings) / tuning_id


def saved_step(folder: Path) -> int:
    """The step of the last checkpoint in the folder of a tuning; 0 without one."""
    steps = (one.name.removeprefix(STEP) for one in (folder / CHECKPOINTS).glob(f"{STEP}*"))
    return max((int(step) for step in steps if step.isdecimal()), default=0)


def want(store: Store, settings: Settings, tuning_id: str, wanted: WantedTuning) -> TuningRecord:
    """Say what is wanted of a tuning; what a cancelled one had on this disk goes at once.

    Raises:
        StoreError: as `Tunings.set_wanted_state` does.
    """
    tuning = store.tunings.set_wanted_state(tuning_id, wanted)
    tidy(store, settings, tuning)
    return tuning


def tidy(store: Store, settings: Settings, tuning: TuningRecord) -> None:
    """Remove what nobody needs any more.

    Checkpoints stay until a tuning is completed or cancelled: a failed one may be taken up again.
    The files of a model on record stay in any case.
    """
    folder = tuning_folder(settings, tuning.id)
    if not (tuning.state.ended and folder.is_dir()):
        return
    if tuning.state is TuningState.FAILED and saved_step(folder):
        return
    if tuning.state is TuningState.COMPLETED or _is_registered(store, folder):
        for one in folder.iterdir():
            if one.name != MODEL:
                _remove(one)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(store: Store, settings: Settings) -> None:
    """Tidy up after tunings that ended elsewhere, or whose runner died too early to do it."""
    home = _home(settings)
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        if _has_leftovers(folder):
            try:
                tidy(store, settings, store.tunings.get(folder.name))
            except NotFound:  # of another database, perhaps
                _log.info("unknown_tuning_folder", folder=str(folder))


def _has_leftovers(folder: Path) -> bool:
    """Whether there is more than a model: of most tunings the database need not be asked."""
    return folder.is_dir() and {one.name for one in folder.iterdir()} != {MODEL}


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _is_registered(store: Store, folder: Path) -> bool:
    """Whether a model on record has its files in the folder of a tuning."""
    place = folder.resolve()
    return any(record.path.is_relative_to(place) for record in store.models.list())


def _home(settings: Settings) -> Path:
    return settings.data_dir / "tunings"
