"""Credit of a Pareto job as its record gives it: a place on the front counts, not the FOM."""

from __future__ import annotations

from pathlib import Path

from ado_service.jobs.summary import job_credit
from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed, outcome, proposed

DESIGNS = [(0, 5.0, 1.0), (1, 4.0, 2.0), (1, 3.0, -1.0), (2, 9.0, 0.5)]
"""Round, gain (also the FOM), and how little power is used."""


def improved(store: Store, objective: str) -> list[int]:
    lease = claimed(store, objective=objective)
    new = [proposed(i, round=r, proposer=f"p{i}") for i, (r, _, _) in enumerate(DESIGNS)]
    for design, (_, gain, saved) in zip(
        store.designs.add_pending(lease, new), DESIGNS, strict=True
    ):
        metrics = {"gain": gain, "power": -saved}
        store.designs.finish(lease, design.id, outcome(gain, feasible=True, metrics=metrics))
    return [one.improved for one in job_credit(store, lease.job_id).proposers]


def test_a_place_on_the_front_counts(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/designs.db") as store:
        assert improved(store, "pareto:gain+,power-") == [0, 1, 0, 1]
        assert improved(store, "fom") == [0, 0, 0, 1]
        assert job_credit(store, "job_gone").proposers == ()
