"""Takes a tuning in: all of it is checked against model and designs before a write."""

from __future__ import annotations

from ado_service.jobs.asked import SubmissionError
from ado_service.store.errors import NotFound
from ado_service.store.job_record import JobRecord
from ado_service.store.jobs import Idempotency
from ado_service.store.model_record import checked_name
from ado_service.store.store import Store
from ado_service.store.tuning_config import MOST_SOURCES, TuningConfig
from ado_service.store.tuning_record import TuningRecord
from ado_service.tunings.base_model import find_base, hold_base
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.sources import find_jobs, subjects_of

_MOST_NUMBERED = 1000


def submit(
    store: Store,
    config: TuningConfig,
    name: str | None = None,
    idempotency: Idempotency | None = None,
) -> tuple[TuningRecord, bool]:
    """Queue a tuning.

    On record it has the jobs that its sources stand for now, so that jobs that finish later
    change nothing, and the name of its model held in the form that the method needs.

    Args:
        store: the design database.
        config: what is asked for.
        name: of the tuned model; None for one made of the model and the method.
        idempotency: key and hash of the request.

    Returns:
        The tuning, and whether it is new.

    Raises:
        SubmissionError: the model, a source or the name does not do, or there are too few designs.
        AlreadyExists: a model or a tuning under way has the name.
        IdempotencyConflict: the key was used with another request.
    """
    known = store.tunings.of_key(idempotency)
    if known is not None:  # also when what it names is gone by now
        return known, False
    base = find_base(store, config)
    chosen = _name(store, config, name)
    jobs = _newest(find_jobs(store, config.sources))
    DataSet.split(subjects_of(store, jobs), config.seed)  # refuses what is too little
    wanted = config.held_as(base.backbone.quantization)
    held = hold_base(store, base, wanted)
    changes = {
        "sources": tuple(job.id for job in jobs),
        "quantization": wanted,
        "model": config.model if base.adapter is not None else held,
    }
    return store.tunings.create(chosen, config.model_copy(update=changes), idempotency)


def _newest(jobs: list[JobRecord]) -> list[JobRecord]:
    return sorted(jobs, key=lambda job: (job.created_at, job.id))[-MOST_SOURCES:]


def _name(store: Store, config: TuningConfig, name: str | None) -> str:
    if name is None:
        return _free_name(store, f"{config.model[:50]}-{config.method.value}")
    try:
        return checked_name(name)
    except ValueError as error:
        raise SubmissionError("name", str(error), "Choose another name") from error


def _free_name(store: Store, wanted: str) -> str:
    """The name, or one with a number behind it, that no model has."""
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, _MOST_NUMBERED)))
    return next(one for one in names if not _is_taken(store, one))


def _is_taken(store: Store, name: str) -> bool:
    try:
        store.models.get(name)
    except NotFound:
        return False
    return True
