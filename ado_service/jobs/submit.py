"""Takes a job in: all of it is checked against circuit and settings before a write."""

from __future__ import annotations

from ado_service.settings import Settings
from ado_service.store.errors import NotFound
from ado_service.store.job_config import JobConfig, Method
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
    """The library circuit of this name, else the version on record that was saved last.

    Raises:
        SubmissionError: there is neither.
    """
    if name in library_names():
        return load_circuit(name)
    try:
        return store.circuits.latest(name).definition
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

    Returns:
        The job, and whether it is new (see `Jobs.create`).

    Raises:
        SubmissionError: the circuit, a spec, the LLM profile or the replayed job is not there.
        IdempotencyConflict: the key was used with another request.
    """
    found = find_circuit(store, circuit) if isinstance(circuit, str) else circuit
    job_specs(found, config)
    if config.llm is not None and config.llm not in settings.llm_profiles:
        known = ", ".join(sorted(settings.llm_profiles)) or "none is configured"
        raise SubmissionError("llm", f"no LLM profile {config.llm!r}", f"Known are: {known}")
    if config.replay is not None:
        _check_replay(store, config.replay)
    return store.jobs.create(store.circuits.save(found), config, idempotency)


def _check_replay(store: Store, job_id: str) -> None:
    try:
        store.jobs.get(job_id)
    except NotFound as error:
        raise SubmissionError(
            "replay", f"no job {job_id!r}", "Name a job of this database"
        ) from error


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
    return config.specs
