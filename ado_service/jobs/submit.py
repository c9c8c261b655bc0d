"""Takes a job in: all of it is checked against circuit and settings before a write."""

from __future__ import annotations

from ado_service.job_config import JobConfig, Method, Start
from ado_service.jobs.asked import SubmissionError, find_circuit, job_objective, job_specs
from ado_service.jobs.warm_start import choose_prior
from ado_service.local_llm import MissingExtraError, embedded, require_extra
from ado_service.model_registry import ModelRegistry
from ado_service.settings import NO_LLM, Settings
from ado_service.store.errors import NotFound
from ado_service.store.job_record import JobRecord
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store
from ado_service.wording import counted
from circuits.definition import Circuit

_ASKING = {Method.ADO_LLM, Method.LLM}
_CANDIDATES_HERE = 4
"""Designs that a model of this machine gives in place of one: they cost seconds."""


def default_profile(settings: Settings, method: Method) -> str | None:
    """The LLM profile of a job that says nothing about one; None for methods without an LLM."""
    if method not in _ASKING or settings.default_llm == NO_LLM:
        return None
    return settings.default_llm


def default_here(settings: Settings, method: Method) -> str | None:
    """The same for `ado run`: with no profile in the settings, the embedded model.

    It answers only where its libraries are installed. A server that is told nothing about an LLM
    has none.
    """
    if settings.llm_profiles or settings.default_llm or not embedded.is_there():
        return default_profile(settings, method)
    try:
        require_extra()
    except MissingExtraError:
        return None
    return embedded.NAME if method in _ASKING else None


def submit(
    store: Store,
    settings: Settings,
    circuit: str | Circuit,
    config: JobConfig,
    idempotency: Idempotency | None = None,
) -> tuple[JobRecord, bool]:
    """Queue a job for a circuit, by name or as it stands.

    A job that replays another asks no LLM: its `llm` is dropped. Where it differs from the
    replayed one, its message says so. Its objective goes on record with every direction filled
    in, and with a warm start the designs that it starts from, so that a resumed job has the same.

    Returns:
        The job, and whether it is new (see `Jobs.create`).

    Raises:
        SubmissionError: the circuit, a spec, a metric, an LLM, the replayed job or what a warm
            start needs is not there.
        IdempotencyConflict: the key was used with another request.
    """
    known = None if idempotency is None else store.jobs.of_key(idempotency)
    if known is not None:  # also when what it names is gone by now
        return known, False
    found = find_circuit(store, circuit) if isinstance(circuit, str) else circuit
    config = config.model_copy(update={"objective": job_objective(found, config)})
    notes, replayed = [], None
    if config.replay is None:
        _check_llm(store, settings, config)
    else:
        replayed = _replayed(store, config.replay)
        config = config.model_copy(update={"llm": None})
    config = config.model_copy(update={"candidates": _candidates(settings, config, replayed)})
    if replayed is not None:
        notes.append(_replay_note(store, replayed, found, config))
    prior = _prior(store, found, config, replayed)
    if prior:
        notes.append(f"starts from {counted(len(prior), 'design')} on record")
    message = "; ".join(note for note in notes if note)
    return store.jobs.create(found, config, idempotency, message=message, prior=prior)


def _candidates(settings: Settings, config: JobConfig, replayed: JobRecord | None) -> int:
    """Those that are asked for; where nothing is said, by what they cost, or as in the replayed."""
    if "candidates" in config.model_fields_set:
        return config.candidates
    if replayed is not None:
        return replayed.config.candidates
    profile = None if config.llm is None else settings.llm_profiles.get(config.llm)
    here = config.llm is not None and (profile is None or profile.is_here)
    return _CANDIDATES_HERE if here else config.candidates


def _prior(
    store: Store, circuit: Circuit, config: JobConfig, replayed: JobRecord | None
) -> list[int]:
    """What a warm start begins from; what the replayed job did, where that had the same one."""
    if (
        replayed is not None
        and replayed.config.warm_start == config.warm_start
        and replayed.circuit_hash == circuit.content_hash
    ):
        return store.priors.chosen(replayed.id)
    return choose_prior(store, circuit, config)


def _check_llm(store: Store, settings: Settings, config: JobConfig) -> None:
    if config.llm is not None and config.llm not in settings.llm_profiles:
        models = list(ModelRegistry(store))
        if config.llm not in models:
            known = ", ".join(sorted({*settings.llm_profiles, *models})) or "none is configured"
            raise SubmissionError("llm", f"no LLM profile {config.llm!r}", f"Known are: {known}")
    asks = {"method": config.method is Method.LLM, "start": config.start is Start.LLM}
    for field, needed in asks.items():
        if needed and config.llm is None:
            raise SubmissionError(
                "llm",
                f"{field} 'llm' has nobody to ask",
                f"Name an LLM profile in llm, or choose another {field}",
            )


def _replayed(store: Store, job_id: str) -> JobRecord:
    try:
        job = store.jobs.get(job_id)
    except NotFound as error:
        raise SubmissionError(
            "replay", f"no job {job_id!r}", "Name a job of this database"
        ) from error
    if not job.state.ended:
        raise SubmissionError(
            "replay",
            f"job {job_id} is {job.state.value}",
            "Wait for its end, or cancel it: only an ended job has all its replies on record",
        )
    return job


_NOT_COMPARED = {"llm", "replay", "spec_set", "specs"}
"""Fields that may differ in a replay; of the specs, what they come to is compared."""


def _replay_note(store: Store, job: JobRecord, circuit: Circuit, config: JobConfig) -> str:
    """What differs from the replayed job; empty where the same run comes out."""
    differing = [
        name
        for name in JobConfig.model_fields
        if name not in _NOT_COMPARED and getattr(job.config, name) != getattr(config, name)
    ]
    replayed = store.circuits.get(job.circuit_hash).definition
    if job_specs(replayed, job.config) != job_specs(circuit, config):
        differing.insert(0, "specs")
    if job.circuit_hash != circuit.content_hash:
        differing.insert(0, "circuit")
    if not differing:
        return ""
    return f"no exact reproduction of {job.id}: it differs in {', '.join(differing)}"
