"""The design database: every page, every filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.store.builders import claimed, outcome, proposed

_COUNT = 120
Keep = Callable[[dict[str, Any]], bool]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with 120 designs of one job and one of another."""
    with serving(settings(tmp_path_factory.mktemp("api"))) as server:
        _fill(server)
        yield server


def _fill(server: Live) -> None:
    lease = claimed(server.store, budget=_COUNT)
    designs = server.store.designs
    pending = designs.add_pending(
        lease, [proposed(index, proposer=("sobol", "gp")[index % 2]) for index in range(_COUNT)]
    )
    for design in pending[:-5]:
        index = design.index
        metrics = {"gain": float("nan") if index % 7 == 0 else index % 40 - 20.0, "power": 1e-6}
        fom = None if index % 7 == 0 else index * 31 % 17 / 3
        failure = "timeout" if index % 7 == 0 else None
        result = outcome(fom, feasible=index % 5 == 0, metrics=metrics, failure=failure)
        designs.finish(lease, design.id, result)
    designs.add_pending(claimed(server.store), [proposed(0)])


def _gain(design: dict[str, Any]) -> float | None:
    found: float | None = design["metrics"].get("gain")
    return found


_VALUES: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "id": lambda design: int(design["id"]),
    "fom": lambda design: design["fom"],
    "metric:gain": _gain,
}


@pytest.mark.parametrize("limit", [1, 23, 200])
@pytest.mark.parametrize("minus", ["", "-"])
@pytest.mark.parametrize("sort", _VALUES)
def test_pages_hold_each_design_once_and_in_order(
    filled: Live, sort: str, minus: str, limit: int
) -> None:
    everything = filled.get("/v1/designs", limit=200)["items"]
    assert len(everything) > _COUNT
    keyed = [(_VALUES[sort](design), design["id"]) for design in everything]
    expected = sorted([pair for pair in keyed if pair[0] is not None], reverse=bool(minus))
    seen = filled.everything("/v1/designs", sort=minus + sort, limit=limit)
    assert [design["id"] for design in seen] == [key for _, key in expected]


_FILTERS: dict[str, tuple[dict[str, Any], Keep]] = {
    "feasible": ({"feasible": "true"}, lambda d: d["feasible"]),
    "not-feasible": ({"feasible": "false"}, lambda d: not d["feasible"]),
    "proposer": ({"proposer": "gp"}, lambda d: d["proposer"] == "gp"),
    "failure": ({"failure": "timeout"}, lambda d: d["failure"] == "timeout"),
    "pending": ({"state": "pending"}, lambda d: d["state"] == "pending"),
    "circuit": ({"circuit": "amplifier"}, lambda d: True),
    "no-such-circuit": ({"circuit": "other"}, lambda d: False),
    "no-such-job": ({"job": "other"}, lambda d: False),
    "fom": ({"fom": "1:2.5"}, lambda d: d["fom"] is not None and 1 <= d["fom"] <= 2.5),
    "metric-low": ({"metric": "gain:5:"}, lambda d: (_gain(d) or -99) >= 5),
    "metric-high": ({"metric": "gain::-5"}, lambda d: (_gain(d) or 99) <= -5),
    "metric-there": ({"metric": "gain::"}, lambda d: _gain(d) is not None),
    "metric-prefix": ({"metric": "power:0.5u:2u"}, lambda d: "power" in d["metrics"]),
    "metric-prefix-none": ({"metric": "power:1meg:"}, lambda d: False),
    "metrics": (
        {"metric": ["gain:-3:7", "power::1m"], "feasible": "true", "proposer": "sobol"},
        lambda d: (
            -3 <= (99 if _gain(d) is None else _gain(d) or 0) <= 7
            and d["feasible"]
            and d["proposer"] == "sobol"
        ),
    ),
}


@pytest.mark.parametrize("name", _FILTERS)
def test_filters_keep_what_they_say(filled: Live, name: str) -> None:
    query, keeps = _FILTERS[name]
    everything = filled.get("/v1/designs", limit=200)["items"]
    seen = filled.everything("/v1/designs", limit=13, **query)
    assert [d["id"] for d in seen] == [d["id"] for d in everything if keeps(d)]


def test_a_job_has_its_own_designs(filled: Live) -> None:
    small, large = (job["id"] for job in filled.get("/v1/jobs")["items"])
    assert len(filled.everything(f"/v1/jobs/{large}/designs", limit=50)) == _COUNT
    assert len(filled.get(f"/v1/jobs/{small}/designs")["items"]) == 1
    assert len(filled.everything("/v1/designs", job=large, limit=50)) == _COUNT
    gp = filled.get(f"/v1/jobs/{large}/designs", proposer="gp", sort="-fom", limit=5)["items"]
    assert all(design["proposer"] == "gp" for design in gp)
    refused = filled.client.get(f"/v1/jobs/{large}/designs", params={"job": small})
    assert refused.status_code == 422


def test_what_was_not_measured_is_null(filled: Live) -> None:
    answer = filled.client.get("/v1/designs", params={"failure": "timeout", "limit": 1})
    assert "NaN" not in answer.text
    design = answer.json()["items"][0]
    assert (design["fom"], design["metrics"]["gain"]) == (None, None)


def test_a_finished_design_has_a_new_tag(filled: Live) -> None:
    lease = claimed(filled.store)
    design = filled.store.designs.add_pending(lease, [proposed(0)])[0]
    path = f"/v1/designs/{design.id}"
    tag = filled.client.get(path).headers["etag"]
    assert filled.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    filled.store.designs.finish(lease, design.id, outcome(1.0))
    answer = filled.client.get(path, headers={"If-None-Match": tag})
    assert answer.json()["state"] == "done"
