"""The designs that a job starts from, as its proposers see them."""

from __future__ import annotations

from collections.abc import Sequence

from ado_service.loop import observe
from ado_service.proposers.protocol import Observation, Proposal
from ado_service.store.design_record import DesignRecord
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.spec import Spec
from simulators.result import FailureKind, SimulationResult


def read_prior(
    store: Store, circuit: Circuit, specs: Sequence[Spec], job_id: str
) -> tuple[Observation, ...]:
    """The designs that a job starts from, judged anew by its specs, the best first.

    A corner of the circuit in which a design was not simulated counts as skipped: the design is
    then not feasible.
    """
    found = [_judged(one, circuit, specs) for one in store.priors.of_job(job_id)]
    # Sorting is stable: what is equal keeps the order in which it was chosen.
    return tuple(sorted(found, key=lambda one: one.verdict.rank, reverse=True))


def _judged(design: DesignRecord, circuit: Circuit, specs: Sequence[Spec]) -> Observation:
    known = {name: found for name, found in design.corners.items() if name in circuit.corner_names}
    missing = [name for name in circuit.corner_names if name not in known]
    result = SimulationResult(
        corners=known,
        skipped=(*(one for one in design.skipped if one not in missing), *missing),
        failure=None if design.failure is None else FailureKind(design.failure),
    )
    return observe(Proposal(design.values, design.proposer), result, specs)
