"""What a job asks for, checked against its circuit; `submit` and the runner read it here."""

from __future__ import annotations

from ado_service.job_config import JobConfig
from ado_service.store.errors import NotFound
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit
from circuits.objective import Objective, ObjectiveError
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


def job_objective(circuit: Circuit, config: JobConfig) -> Objective:
    """What a job is after, with every direction filled in.

    Raises:
        SubmissionError: a metric that the circuit does not have, one without a direction, or
            specs that the circuit does not have.
    """
    try:
        return config.objective.resolved(circuit, job_specs(circuit, config))
    except ObjectiveError as error:
        raise SubmissionError("objective", str(error), "Change the objective") from error
