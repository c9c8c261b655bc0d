"""Objectives, fronts, warm starts and credit over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.store.builders import claimed, measured, outcome

TRADE = "pareto:gain+,power-"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(settings(tmp_path_factory.mktemp("pareto"))) as server:
        yield server


def traded(server: Live, count: int) -> str:
    """A job with so many designs on its front, and one that is not."""
    lease = claimed(server.store, objective=TRADE)
    points = [(float(place), -float(place)) for place in range(count)] + [(-1.0, -99.0)]
    outcomes = [
        outcome(gain, feasible=True, metrics={"gain": gain, "power": -power}, gains=(gain, power))
        for gain, power in points
    ]
    measured(server.store, lease, *outcomes)
    return lease.job_id


def test_the_front_has_its_axes_and_comes_in_pages(served: Live) -> None:
    address = f"/v1/jobs/{traded(served, 5)}/pareto"
    front = served.get(address)
    assert (front["objective"], front["size"]) == (TRADE, 5)
    assert front["axes"] == [
        {"metric": "gain", "direction": ">"},
        {"metric": "power", "direction": "<"},
    ]
    assert [one["index"] for one in front["items"]] == [0, 1, 2, 3, 4]
    paged = served.everything(address, limit=2, sort="-metric:gain")
    assert [one["metrics"]["gain"] for one in paged] == [4, 3, 2, 1, 0]


def test_its_tag_changes_with_the_front_and_with_nothing_else(served: Live) -> None:
    lease = claimed(served.store, objective=TRADE)
    address = f"/v1/jobs/{lease.job_id}/pareto"

    def ask(tag: str) -> tuple[int, str]:
        answer = served.client.get(address, headers={"If-None-Match": tag})
        return answer.status_code, answer.headers["ETag"]

    status, empty = ask('"none"')
    assert (status, ask(empty)) == (200, (304, empty))
    measured(served.store, lease, outcome(feasible=True, gains=(1.0, 1.0)))
    status, one = ask(empty)
    assert status == 200
    measured(served.store, lease, outcome(feasible=True, gains=(0.0, 0.0)))
    assert ask(one) == (304, one), "a dominated design is no news"
    measured(served.store, lease, outcome(feasible=True, gains=(2.0, 2.0)))
    assert ask(one)[0] == 200


def test_a_metric_that_the_circuit_does_not_have_sorts_nothing(served: Live) -> None:
    job_id = traded(served, 2)
    for address in (f"/v1/jobs/{job_id}/pareto", f"/v1/jobs/{job_id}/designs", "/v1/designs"):
        answer = served.client.get(address, params={"sort": "-metric:bogus"})
        assert answer.status_code == 422, address
        [error] = answer.json()["errors"]
        assert (error["location"], error["pointer"]) == ("query", "/sort")
        assert "a metric 'bogus'; known are" in error["detail"]
        assert "gain" in error["detail"]


def test_other_jobs_have_no_front(served: Live) -> None:
    for job_id, said in ((claimed(served.store).job_id, "its objective is specs"), ("job_x", "no")):
        answer = served.client.get(f"/v1/jobs/{job_id}/pareto")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert said in answer.json()["detail"]


def start(server: Live, **fields: Any) -> Any:
    body = {"circuit": "two_stage_amplifier", "method": "random", "llm": None, **fields}
    return server.client.post("/v1/jobs", json=body)


def test_an_objective_comes_back_with_its_directions(served: Live) -> None:
    for asked, said in (("pareto:power,gbw", "pareto:power-,gbw+"), ("fom", "fom")):
        answer = start(served, objective=asked)
        assert answer.status_code == 202, answer.text
        assert answer.json()["config"]["objective"] == said
    assert start(served).json()["config"]["stop_when_feasible"] is None


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"objective": "best"}, "/objective", "write specs, fom, or pareto"),
        ({"objective": 5}, "/objective", "an objective is text"),
        ({"objective": "pareto:area,power"}, "/objective", "no metric 'area'; known are gain"),
        (
            {
                "objective": "pareto:gain,power",
                "specs": [
                    {"metric": "power", "direction": "<", "threshold": 1, "norm": 1, "weight": -1,
                     "penalty": -9}
                ],
            },
            "/objective",
            "write gain- when smaller",
        ),
        ({"warm_start": ["job_gone"]}, "/warm_start/0", "no job and no circuit 'job_gone'"),
        ({"warm_start": ["a", "a"]}, "/warm_start", "named twice"),
        ({"llm_share": "all"}, "/llm_share", "adaptive"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_where_it_stands(
    served: Live, fields: dict[str, Any], pointer: str, said: str
) -> None:
    answer = start(served, **fields)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_a_job_shows_who_found_what(served: Live) -> None:
    lease = claimed(served.store)
    measured(served.store, lease, outcome(1.0), outcome(2.0, feasible=True))
    job = served.get(f"/v1/jobs/{lease.job_id}")
    assert (job["credit"]["best_by"], job["credit"]["first_feasible_by"]) == ("sobol", "sobol")
    [sobol] = job["credit"]["proposers"]
    assert (sobol["proposed"], sobol["simulated"], sobol["feasible"]) == (2, 2, 1)
    assert served.get(f"/v1/jobs/{lease.job_id}/summary")["credit"] == job["credit"]


def test_a_front_is_found_from_the_designs_of_an_earlier_job(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    spec = {"metric": "power", "direction": "<", "threshold": 1, "norm": 1, "weight": -1}
    easy = {"specs": [{**spec, "penalty": -9}], "initial": 4, "batch": 4}
    with serving(settings(tmp_path_factory.mktemp("run")), run_jobs=True) as server:
        first = start(server, **easy, objective="fom", budget=12).json()["id"]
        assert server.finished(first)["simulations"] == 12
        asked = {**easy, "objective": "pareto:power,gbw+", "method": "gp-bo", "budget": 8}
        job = start(server, **asked, warm_start=[first]).json()["id"]
        done = server.finished(job)
        assert done["message"] == "starts from 12 designs on record"
        front = server.get(f"/v1/jobs/{job}/pareto")
        summary = server.get(f"/v1/jobs/{job}/summary")
        designs = server.get(f"/v1/jobs/{job}/designs")["items"]
    assert [one["stage"] for one in designs] == ["prior"] * 3 + ["random"] + ["gp"] * 4
    assert {one["proposer"] for one in designs[4:]} == {"pareto"}
    points = [(one["metrics"]["power"], one["metrics"]["gbw"]) for one in front["items"]]
    for power, gbw in points:
        assert not any(p <= power and g >= gbw and (p, g) != (power, gbw) for p, g in points)
    assert front["size"] == summary["pareto"]["size"] == len(points) >= 1
    assert {one["design_id"] for one in summary["pareto"]["designs"]} == {
        one["id"] for one in front["items"]
    }
