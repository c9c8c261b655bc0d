"""Takes a tuning in: what can be known of it at no cost is checked before a write."""

from __future__ import annotations

from collections.abc import Sequence

from ado_service.jobs.asked import SubmissionError
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.job_record import JobRecord
from ado_service.store.jobs import Idempotency
from ado_service.store.model_record import checked_name
from ado_service.store.store import Store
from ado_service.store.tuning_config import MOST_SOURCES, TuningConfig
from ado_service.store.tuning_record import TuningRecord
from ado_service.tunings.base_model import find_base
from ado_service.tunings.sources import FEWEST, find_jobs, too_few

_MOST_NUMBERED = 1000


def submit(
    store: Store,
    config: TuningConfig,
    name: str | None = None,
    idempotency: Idempotency | None = None,
) -> tuple[TuningRecord, bool]:
    """Queue a tuning.

    On record it has the jobs that its sources stand for now, so that jobs that finish later
    change nothing, and the form in which its model is to be held. No design is read here.

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
    chosen = chosen_name(store, config, name)
    jobs = usable_jobs(store, config.sources)
    changes = {"sources": tuple(job.id for job in jobs), "quantization": base.quantization}
    try:
        return store.tunings.create(chosen, config.model_copy(update=changes), idempotency)
    except NotFound as error:  # it was removed just now
        raise SubmissionError("model", str(error), "Add it again") from error


def usable_jobs(store: Store, sources: Sequence[str]) -> list[JobRecord]:
    """The jobs that are learned from, the oldest first.

    Raises:
        SubmissionError: a source does not do, or too few designs were measured in full.
    """
    jobs = _newest(find_jobs(store, sources))
    found = store.tunings.count_designs([job.id for job in jobs], enough=FEWEST)
    if found.measured < FEWEST:
        raise too_few(found.measured, found.all)
    return jobs


def chosen_name(store: Store, config: TuningConfig, name: str | None) -> str:
    """The name of the tuned model: the one that is given, or a free one.

    Raises:
        SubmissionError: it is no name.
        AlreadyExists: a model or a tuning under way has it.
    """
    if name is None:
        return _free_name(store, f"{config.model[:50]}-{config.method.value}")
    try:
        checked_name(name)
    except ValueError as error:
        raise SubmissionError("name", str(error), "Choose another name") from error
    store.models.check_free(name)
    return name


def _newest(jobs: list[JobRecord]) -> list[JobRecord]:
    return sorted(jobs, key=lambda job: (job.created_at, job.id))[-MOST_SOURCES:]


def _free_name(store: Store, wanted: str) -> str:
    """The name, or one with a number behind it, that is free."""
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, _MOST_NUMBERED)))
    return next(one for one in names if _is_free(store, one))


def _is_free(store: Store, name: str) -> bool:
    try:
        store.models.check_free(name)
    except AlreadyExists:
        return False
    return True
