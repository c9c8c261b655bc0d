"""Small values for the tests of the store."""

from __future__ import annotations

from typing import Any

from ado_service.job_config import JobConfig
from ado_service.store.design_record import DesignOutcome, DesignRecord, NewDesign
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from circuits.definition import Circuit, Metric, Testbench
from circuits.spec import Direction, Spec, SpecSet
from circuits.variable import Variable

GAIN = Spec(metric="gain", direction=Direction.ABOVE, threshold=1, norm=1, weight=1, penalty=-1)


def circuit(name: str = "amplifier", title: str = "An amplifier") -> Circuit:
    """A circuit that is small but complete."""
    return Circuit(
        name=name,
        title=title,
        variables=(Variable(name="w", unit="m", low=1e-6, high=1e-4),),
        testbenches=(Testbench(name="ac", netlist="* nothing\n.end\n"),),
        metrics=(Metric(name="gain"), Metric(name="power", unit="W")),
        spec_sets=(SpecSet(name="typical", specs=(GAIN,)),),
        files={"ac.sp": "* nothing\n.end\n"},
    )


def new_job(store: Store, **config: Any) -> str:
    """Id of a queued job."""
    return store.jobs.create(circuit(), JobConfig(**config))[0].id


def claimed(store: Store, owner: str = "runner", seconds: float = 60, **config: Any) -> Lease:
    """The lease of a job of its own."""
    lease = store.leases.claim(owner, seconds, new_job(store, **config))
    assert lease is not None
    return lease


def proposed(index: int, **fields: Any) -> NewDesign:
    """A design to be simulated."""
    base = {"index": index, "round": 0, "stage": "initial", "proposer": "sobol"}
    return NewDesign(**{**base, "values": {"w": 1e-6 * (index + 1)}, **fields})


def outcome(fom: float | None = 1.0, *, feasible: bool = False, **fields: Any) -> DesignOutcome:
    """What became of a design."""
    base: dict[str, Any] = {"metrics": {"gain": fom}, "specs_met": int(feasible), "specs_total": 1}
    return DesignOutcome(fom=fom, feasible=feasible, **{**base, **fields})


def measured(store: Store, lease: Lease, *outcomes: DesignOutcome) -> list[DesignRecord]:
    """Designs with these outcomes, behind the job's last one, as they are on record."""
    start = len(store.designs.of_job(lease.job_id))
    pending = store.designs.add_pending(
        lease, [proposed(start + place) for place in range(len(outcomes))]
    )
    return [
        store.designs.finish(lease, design.id, result)
        for design, result in zip(pending, outcomes, strict=True)
    ]
