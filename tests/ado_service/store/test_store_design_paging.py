"""Listings of designs: every sort, every filter, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from ado_service.store.design_query import DesignQuery, MetricRange
from ado_service.store.design_record import DesignOutcome, DesignRecord
from ado_service.store.design_rows import save_outcome
from ado_service.store.errors import BadCursor
from ado_service.store.store import Store
from tests import postgres
from tests.ado_service.store.builders import claimed, measured, outcome, proposed

_COUNT = 1000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store with 1,000 designs of one job, made once: many ties, many without a value."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('paging') / 'designs.db'}"
        with Store.open(url) as store:
            yield _fill(store)
    else:
        server = request.getfixturevalue("postgres_server")
        with postgres.database(server) as url, Store.open(url) as store:
            yield _fill(store)


@pytest.fixture(scope="module")
def everything(filled: Store) -> list[DesignRecord]:
    """Its designs, read once."""
    designs = filled.designs.of_job(filled.jobs.page().items[0].id)
    assert len(designs) == _COUNT
    return designs


def _fill(store: Store) -> Store:
    lease = claimed(store, budget=_COUNT)
    proposers = ("sobol", "gp", "llm")
    pending = store.designs.add_pending(
        lease, [proposed(index, proposer=proposers[index % 3]) for index in range(_COUNT)]
    )
    # As `finish` writes them, but in one transaction: a thousand would take seconds.
    with store._database.write() as connection:
        for design in pending:
            if design.index % 10 != 9:  # each tenth stays pending
                row = {"id": design.id, "circuit_name": design.circuit_name}
                save_outcome(connection, row, _result(design.index), design.created_at)
    return store


def _result(index: int) -> DesignOutcome:
    fom = None if index % 13 == 0 else float(index * 7919 % 50) / 3
    metrics = {"gain": float("nan") if index % 7 == 0 else -float(index * 31 % 40), "power": 1e-300}
    return outcome(
        fom,
        feasible=index % 5 == 0,
        metrics=metrics if index % 11 else {},
        failure="timeout" if index % 11 == 0 else None,
    )


def _pages(store: Store, **query: Any) -> list[DesignRecord]:
    seen: list[DesignRecord] = []
    cursor = None
    while True:
        page = store.designs.page(DesignQuery(cursor=cursor, **query))
        assert len(page.items) <= query["limit"]
        seen += page.items
        if (cursor := page.next_cursor) is None:
            return seen
        assert len(page.items) == query["limit"]


Value = Callable[[DesignRecord], float | None]
_SORTS: dict[str, Value] = {
    "id": lambda design: design.id,
    "fom": lambda design: design.fom,
    "metric:gain": lambda design: design.metrics.get("gain"),
    "metric:power": lambda design: design.metrics.get("power"),
}


@pytest.mark.parametrize("within", ["all", "circuit", "job"])
@pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("sort", _SORTS)
def test_pages_hold_each_design_once_and_in_order(
    filled: Store, everything: list[DesignRecord], sort: str, descending: bool, within: str
) -> None:
    value = _SORTS[sort]
    keyed = [(value(design), design.id) for design in everything]
    expected = sorted([(v, i) for v, i in keyed if v is not None], reverse=descending)
    seen = _pages(
        filled,
        sort="-" * descending + sort,
        limit=151,
        circuit_name=everything[0].circuit_name if within == "circuit" else None,
        job_id=everything[0].job_id if within == "job" else None,
        corners=False,
    )
    assert [(value(design), design.id) for design in seen] == expected


_FILTERS: dict[str, tuple[dict[str, Any], Callable[[DesignRecord], bool]]] = {
    "feasible": ({"feasible": True}, lambda d: d.feasible),
    "infeasible": ({"feasible": False}, lambda d: not d.feasible),
    "proposer": ({"proposer": "llm"}, lambda d: d.proposer == "llm"),
    "failure": ({"failure": "timeout"}, lambda d: d.failure == "timeout"),
    "pending": ({"state": "pending"}, lambda d: d.state == "pending"),
    "fom": (
        {"fom_low": 1 / 3, "fom_high": 10.0},
        lambda d: d.fom is not None and 1 / 3 <= d.fom <= 10.0,
    ),
    "metrics": (
        {
            "metric_ranges": (
                MetricRange(metric="gain", low=-20.0, high=-3.0),
                MetricRange(metric="power", high=1e-300),
            )
        },
        lambda d: d.metrics.get("gain") is not None and -20 <= (d.metrics["gain"] or 0) <= -3,
    ),
    "no-such-metric": ({"metric_ranges": (MetricRange(metric="noise"),)}, lambda d: False),
    "no-such-circuit": ({"circuit_name": "nothing"}, lambda d: False),
    "no-such-job": ({"job_id": "job_none\0"}, lambda d: False),
    "several": (
        {"feasible": True, "proposer": "gp", "fom_low": 2.0},
        lambda d: d.feasible and d.proposer == "gp" and d.fom is not None and d.fom >= 2,
    ),
}


@pytest.mark.parametrize("sort", ["id", "-fom", "metric:gain"])
@pytest.mark.parametrize("name", _FILTERS)
def test_filters_keep_what_they_say(
    filled: Store, everything: list[DesignRecord], name: str, sort: str
) -> None:
    filters, keeps = _FILTERS[name]
    value = _SORTS[sort.removeprefix("-")]
    expected = {d.id for d in everything if keeps(d) and value(d) is not None}
    seen = [design.id for design in _pages(filled, sort=sort, limit=150, **filters)]
    assert len(seen) == len(set(seen))
    assert set(seen) == expected


def test_a_full_last_page_has_no_cursor(filled: Store) -> None:
    query = DesignQuery(limit=200)
    for _ in range(_COUNT // 200):
        page = filled.designs.page(query)
        query = query.model_copy(update={"cursor": page.next_cursor})
    assert len(page.items) == 200
    assert page.next_cursor is None


@pytest.mark.parametrize(
    "other", [{"sort": "-fom"}, {"sort": "metric:gain"}, {"feasible": True}, {"fom_low": 1.0}]
)
def test_a_cursor_of_another_query_is_refused(filled: Store, other: dict[str, Any]) -> None:
    cursor = filled.designs.page(DesignQuery(sort="fom")).next_cursor
    with pytest.raises(BadCursor, match="another query"):
        filled.designs.page(DesignQuery(**{"sort": "fom", **other}, cursor=cursor))


def test_the_page_size_may_change_on_the_way(filled: Store) -> None:
    first = filled.designs.page(DesignQuery(sort="fom", limit=3))
    rest = filled.designs.page(DesignQuery(sort="fom", limit=4, cursor=first.next_cursor))
    whole = filled.designs.page(DesignQuery(sort="fom", limit=7))
    assert first.items + rest.items == whole.items


def test_designs_added_meanwhile_shift_no_page(store: Store) -> None:
    lease = claimed(store)
    old = measured(store, lease, *(outcome(float(fom)) for fom in range(6)))
    first = store.designs.page(DesignQuery(sort="-fom", limit=3))
    measured(store, lease, outcome(10.0), outcome(4.5))
    rest = store.designs.page(DesignQuery(sort="-fom", limit=3, cursor=first.next_cursor))
    assert [design.id for design in first.items + rest.items] == [d.id for d in reversed(old)]


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0},
        {"limit": 201},
        {"sort": "gain"},
        {"sort": "metric:"},
        {"sort": "--fom"},
        {"fom_low": 2.0, "fom_high": 1.0},
        {"fom_low": float("nan")},
        {"metric_ranges": ({"metric": "gain", "low": 2.0, "high": 1.0},)},
        {"colour": "blue"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DesignQuery.model_validate(fields)
