"""A design that a command is about: of a job, of the command line, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ado_service.commands.assignments import assigned
from ado_service.commands.console import fail
from ado_service.jobs.asked import SubmissionError, find_circuit, job_specs
from ado_service.store.errors import NotFound
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobRecord
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.errors import UnknownCircuitError
from circuits.loader import load_circuit
from circuits.spec import Spec
from simulators.starting import starting_design

_JOBS = 200
"""Jobs of a circuit that are looked through for one with a design."""


@dataclass(frozen=True, slots=True)
class FinishedDesign:
    """A design with what is asked of it.

    Attributes:
        circuit: as it stands now.
        values: SI units.
        specs: of the job, or of the circuit.
        origin: where the design comes from, for people.
    """

    circuit: Circuit
    values: dict[str, float]
    specs: tuple[Spec, ...]
    origin: str


def finished_design(
    store: Store,
    name: str,
    *,
    job_id: str | None,
    assignments: Sequence[str],
    spec_set: str | None,
) -> FinishedDesign:
    """The design that the options name; ends the command where there is none.

    With `job_id` the best design of that job; with `assignments` alone the circuit's own sizes,
    changed; with neither the best design of the newest job of the circuit. The circuit is the one
    that `name` means today; a job of an earlier version gives its sizes and specs.

    Args:
        store: the design database.
        name: a library circuit, a folder, or a circuit on record.
        job_id: of the job.
        assignments: such as `w1=12u`.
        spec_set: judge by this set instead.
    """
    circuit = _circuit(store, name)
    try:
        if job_id is None and assignments:
            values = assigned(circuit, starting_design(circuit), assignments)
            return FinishedDesign(circuit, values, circuit.specs(spec_set), "its own sizes, --set")
        job = _newest(store, circuit) if job_id is None else store.jobs.get(job_id)
        if job.best is None:
            fail(f"job {job.id} has no simulated design yet; wait for one, or give sizes by --set")
        values = _fitting(circuit, job, store.designs.get(job.best.design_id).values)
        specs = circuit.specs(spec_set) if spec_set else job_specs(circuit, job.config)
    except (NotFound, SubmissionError) as error:
        fail(str(error))
    except KeyError as error:  # no such spec set
        fail(str(error.args[0]))
    origin = f"best design of {job.id}" + (", changed by --set" if assignments else "")
    return FinishedDesign(circuit, assigned(circuit, values, assignments), specs, origin)


def _circuit(store: Store, name: str) -> Circuit:
    try:
        return load_circuit(name)
    except UnknownCircuitError as unknown:
        try:
            return find_circuit(store, name)
        except SubmissionError:
            raise unknown from None


def _newest(store: Store, circuit: Circuit) -> JobRecord:
    """The newest job of the circuit that has a design."""
    query = JobQuery(circuit_name=circuit.name, limit=_JOBS)
    sized = [job for job in store.jobs.page(query).items if job.best is not None]
    if not sized:
        fail(
            f"no job of {circuit.name} has a design; size it first (ado run {circuit.name}), or "
            "give sizes by --set NAME=VALUE"
        )
    return sized[0]


def _fitting(circuit: Circuit, job: JobRecord, values: dict[str, float]) -> dict[str, float]:
    """The job's sizes as a design of `circuit`."""
    try:
        return circuit.snap(values)
    except KeyError as error:
        fail(f"job {job.id} sized other variables than {circuit.name} has now: {error.args[0]}")
