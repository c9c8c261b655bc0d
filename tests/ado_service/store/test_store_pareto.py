"""Pareto fronts: non-dominated after every write, on both databases."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from ado_service.store.design_query import DesignQuery
from ado_service.store.store import Store
from circuits.objective import dominates
from tests.ado_service.store.builders import claimed, measured, outcome, proposed


def front(store: Store, job_id: str, **query: object) -> list[int]:
    """Indexes of the designs on the front."""
    asked = DesignQuery.model_validate({"job_id": job_id, "pareto": True, **query})
    return [design.index for design in store.designs.page(asked).items]


def best(gains: Sequence[tuple[float, ...]]) -> list[int]:
    """Places of those that no other one dominates, the first of equal ones."""
    return [
        place
        for place, one in enumerate(gains)
        if not any(dominates(other, one) for other in gains) and one not in gains[:place]
    ]


def test_dominated_designs_leave_the_front(store: Store) -> None:
    lease = claimed(store)
    seen = []
    for gains in [(1.0, 1.0), (0.5, 2.0), (0.5, 1.5), (2.0, 2.0), (3.0, 0.0), (2.0, 2.0)]:
        measured(store, lease, outcome(feasible=True, gains=gains))
        seen.append(front(store, lease.job_id))
    assert seen == [[0], [0, 1], [0, 1], [3], [3, 4], [3, 4]]
    assert store.designs.front_size(lease.job_id) == 2


@pytest.mark.parametrize("axes", [2, 3])
def test_the_front_follows_from_the_designs_in_whichever_order_they_are_done(
    store: Store, axes: int
) -> None:
    rng = random.Random(axes)
    gains = []
    for _ in range(60):
        first = [float(rng.randrange(6)) for _ in range(axes - 1)]
        gains.append((*first, 9.0 - sum(first) - rng.randrange(3)))
    lease = claimed(store)
    pending = store.designs.add_pending(lease, [proposed(place) for place in range(len(gains))])
    for design in rng.sample(pending, len(pending)):
        store.designs.finish(lease, design.id, outcome(feasible=True, gains=gains[design.index]))
    assert front(store, lease.job_id, limit=200) == best(gains)
    assert store.designs.front_size(lease.job_id) == len(best(gains)) > 1


def test_only_feasible_designs_with_gains_compete(store: Store) -> None:
    lease = claimed(store)
    measured(
        store,
        lease,
        outcome(feasible=True),
        outcome(gains=(9.0, 9.0)),
        outcome(feasible=True, gains=(1.0, 1.0)),
        outcome(None, failure="timeout"),
    )
    assert front(store, lease.job_id) == [2]


def test_each_job_has_its_own_front(store: Store) -> None:
    one, other = claimed(store), claimed(store)
    measured(store, one, outcome(feasible=True, gains=(1.0, 1.0)))
    measured(store, other, outcome(feasible=True, gains=(2.0, 2.0)))
    assert front(store, one.job_id) == front(store, other.job_id) == [0]
    everywhere = store.designs.page(DesignQuery(pareto=True)).items
    assert [design.job_id for design in everywhere] == [one.job_id, other.job_id]
    assert store.designs.front_size("job_gone") == 0


def test_the_front_comes_in_pages_and_in_order(store: Store) -> None:
    lease = claimed(store)
    count = 7
    outcomes = [
        outcome(float(place), feasible=True, gains=(float(place), -float(place)))
        for place in range(count)
    ]
    measured(store, lease, *outcomes)
    assert front(store, lease.job_id, sort="-metric:gain") == list(reversed(range(count)))
    query = DesignQuery(job_id=lease.job_id, pareto=True, limit=3)
    found: list[int] = []
    while True:
        page = store.designs.page(query)
        found += [design.index for design in page.items]
        if page.next_cursor is None:
            break
        query = query.model_copy(update={"cursor": page.next_cursor})
    assert found == list(range(count))
