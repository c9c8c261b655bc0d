"""Takes a job in: all of it is checked against circuit and settings before a write."""

from __future__ import annotations

from ado_service.job_config import JobConfig, Method, Start
from ado_service.settings import Settings
from ado_service.store.errors import NotFound
from ado_service.store.job_record import JobRecord
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit
from circuits.spec import Spec


class SubmissionError(ValueError):
    """A job that cannot be taken; nothing was written.

    Attributes:
        field: what is wrong, as a path such as `specs.0.metric`.
        problem, cure: what is wrong with it and what to do.
    """

    def __init__(self, field: str, problem: str, cure: str) -> None:
        self.field, self.problem, self.cure = field, problem, cure
        super().__init__(f"{field}: {problem}. {cure}")


def default_profile(settings: Settings, method: Method) -> str | None:
    """The LLM profile of a job that says nothing about one; None for methods without an LLM."""
    return settings.default_llm if method in {Method.ADO_LLM, Method.LLM} else None


def find_circuit(store: Store, name: str) -> Circuit:
    """The library circuit of this name, else the circuit on record.

    Args:
        store: the design database.
        name: of the circuit, for the latest version of it; or a version's content hash.

    Raises:
        SubmissionError: there is neither.
    """
    if name in library_names():
        return load_circuit(name)
    try:
        return store.circuits.find(name).definition
    except NotFound as error:
        known = sorted({*library_names(), *(one.name for one in store.circuits.newest())})
        raise SubmissionError(
            "circuit", f"no circuit {name!r}", f"Known are {', '.join(known)}"
        ) from error


def submit(
    store: Store,
    settings: Settings,
    circuit: str | Circuit,
    config: JobConfig,
    idempotency: Idempotency | None = None,
) -> tuple[JobRecord, bool]:
    """Queue a job for a circuit, by name or as it stands.

    A job that replays another asks no LLM: its `llm` is dropped. Where it differs from the
    replayed one, its message says so.

    Returns:
        The job, and whether it is new (see `Jobs.create`).

    Raises:
        SubmissionError: the circuit, a spec, an LLM or the replayed job is not there.
        IdempotencyConflict: the key was used with another request.
    """
    known = None if idempotency is None else store.jobs.of_key(idempotency)
    if known is not None:  # also when what it names is gone by now
        return known, False
    found = find_circuit(store, circuit) if isinstance(circuit, str) else circuit
    job_specs(found, config)
    if config.replay is None:
        _check_llm(settings, config)
        message = ""
    else:
        message = _replay_note(store, _replayed(store, config.replay), found, config)
        config = config.model_copy(update={"llm": None})
    return store.jobs.create(found, config, idempotency, message=message)


def _check_llm(settings: Settings, config: JobConfig) -> None:
    if config.llm is not None and config.llm not in settings.llm_profiles:
        known = ", ".join(sorted(settings.llm_profiles)) or "none is configured"
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


def job_specs(circuit: Circuit, config: JobConfig) -> tuple[Spec, ...]:
    """The specs that a job asks for: its own, or a set of the circuit's.

    Raises:
        SubmissionError: a metric or a spec set that the circuit does not have.
    """
    if config.specs is None:
        try:
            return circuit.specs(config.spec_set)
        except KeyError as error:
            raise SubmissionError("spec_set", str(error.args[0]), "Name one of those") from error
    metrics = [metric.name for metric in circuit.metrics]
    for index, spec in enumerate(config.specs):
        if spec.metric not in metrics:
            raise SubmissionError(
                f"specs.{index}.metric",
                f"{circuit.name} has no metric {spec.metric!r}",
                f"Known are {', '.join(metrics)}",
            )
        for corner in spec.corners:
            if corner not in circuit.corner_names:
                raise SubmissionError(
                    f"specs.{index}.corners",
                    f"{circuit.name} has no corner {corner!r}",
                    f"Known are {', '.join(circuit.corner_names)}",
                )
    return config.specs
