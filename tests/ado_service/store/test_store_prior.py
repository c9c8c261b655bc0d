"""Designs that other jobs start from, and what credit reads, on both databases."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.credit import Tried
from ado_service.job_config import JobConfig, LlmShare
from ado_service.store.store import Store
from ado_service.store.tables import jobs
from simulators.result import CornerResult
from tests.ado_service.store.builders import circuit, claimed, measured, outcome, proposed


def ids(designs: object) -> list[int]:
    return [design.id for design in designs]  # type: ignore[attr-defined]


def test_the_latest_come_first_and_pending_ones_not_at_all(store: Store) -> None:
    lease, other = claimed(store), claimed(store)
    first = measured(store, lease, outcome(), outcome(None, failure="timeout"))
    store.designs.add_pending(lease, [proposed(2)])
    second = measured(store, other, outcome())
    assert ids(store.priors.latest(10)) == [second[0].id, first[1].id, first[0].id]
    assert ids(store.priors.latest(2)) == [second[0].id, first[1].id]
    assert ids(store.priors.latest(10, job_id=lease.job_id)) == [first[1].id, first[0].id]
    assert ids(store.priors.latest(10, circuit_name="amplifier")) == ids(store.priors.latest(10))
    assert store.priors.latest(10, circuit_name="other") == []


def test_a_version_of_a_circuit_has_its_own(store: Store) -> None:
    lease = claimed(store)
    [design] = measured(store, lease, outcome())
    changed = circuit(title="Another one")
    store.jobs.create(changed, JobConfig())
    assert ids(store.priors.latest(9, circuit_hash=circuit().content_hash)) == [design.id]
    assert store.priors.latest(9, circuit_hash=changed.content_hash) == []


def test_a_job_keeps_the_designs_that_it_starts_from_in_their_order(store: Store) -> None:
    corners = {"nominal": CornerResult(metrics={"gain": 2.0})}
    designs = measured(store, claimed(store), *(outcome(corners=corners) for _ in range(3)))
    chosen = [designs[2].id, designs[0].id]
    job, _ = store.jobs.create(circuit(), JobConfig(), prior=chosen)
    found = store.priors.of_job(job.id)
    assert ids(found) == chosen
    assert found[0].corners == corners
    plain, _ = store.jobs.create(circuit(), JobConfig())
    assert store.priors.of_job(plain.id) == store.priors.of_job("job_gone") == []


def test_credit_reads_every_design_of_the_job(store: Store) -> None:
    lease = claimed(store)
    store.designs.add_pending(lease, [proposed(0, proposer="gp", round=1)])
    done = store.designs.add_pending(lease, [proposed(1, proposer="llm", round=2)])
    store.designs.finish(lease, done[0].id, outcome(2.5, feasible=True))
    assert store.designs.tried(lease.job_id) == [
        Tried(0, 1, "gp", None),
        Tried(1, 2, "llm", (True, 2.5, 0.0)),
    ]
    assert store.designs.tried("job_gone") == []


def test_a_job_of_an_earlier_version_goes_on_as_it_began(store: Store) -> None:
    job, _ = store.jobs.create(circuit(), JobConfig(stop_when_feasible=False))
    assert job.config.llm_share is LlmShare.ADAPTIVE
    newer = ("objective", "llm_share", "warm_start")
    old = {name: value for name, value in job.config.model_dump(mode="json").items()
           if name not in newer}  # fmt: skip
    with store._database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(config=old))
    config = store.jobs.get(job.id).config
    assert config.llm_share is LlmShare.FIXED
    assert (str(config.objective), config.warm_start) == ("specs", ())
    assert not config.ends_when_feasible
