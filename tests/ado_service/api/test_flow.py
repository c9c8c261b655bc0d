"""The whole way of a job over REST, on a real ngspice."""

from __future__ import annotations

import json

from ado_service.store.job_record import JobState
from tests.ado_service.api.live import Live

BODY = {
    "circuit": "two_stage_amplifier",
    "method": "random",
    "budget": 6,
    "initial": 3,
    "batch": 3,
    "seed": 7,
}


def test_a_job_runs_from_its_request_to_its_best_design(working: Live) -> None:
    headers = {"Idempotency-Key": "the-flow"}
    answer = working.client.post("/v1/jobs", json=BODY, headers=headers)
    assert answer.status_code == 202
    where = answer.headers["location"]

    job = working.finished(answer.json()["id"])
    assert (job["state"], job["simulations"]) == ("finished", 6)

    designs = working.everything(f"{where}/designs", limit=4)
    assert [design["index"] for design in designs] == list(range(6))
    assert all(design["state"] == "done" for design in designs)
    assert all(len(design["values"]) == 14 for design in designs)
    assert all(design["corners"] == {} for design in designs)

    best = working.get(f"/v1/designs/{job['best']['design_id']}")
    ranked = working.get("/v1/designs", job=job["id"], sort="-fom", limit=1)["items"]
    assert {**best, "corners": {}} == ranked[0]
    assert best["corners"]["nominal"]["metrics"] == best["metrics"]
    assert best["fom"] == max(design["fom"] for design in designs if design["fom"] is not None)

    summary = working.get(f"{where}/summary")
    assert summary["best"]["variables"] == best["values"]
    assert (summary["method"], summary["llm"]["calls"]) == ("random", 0)

    replayed = working.client.post("/v1/jobs", json=BODY, headers=headers)
    assert replayed.json() == job


def test_the_events_tell_the_whole_story(working: Live) -> None:
    job_id = working.client.post("/v1/jobs", json=BODY).json()["id"]
    kinds = []
    designs = set()
    with working.client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                designs.add(event["data"].get("design_id"))
    assert kinds[0] == "created"
    assert kinds[-1] == "state"
    assert kinds.count("design") == 6
    assert len(designs - {None}) == 6
    assert working.store.jobs.get(job_id).state is JobState.FINISHED


def test_a_running_job_is_cancelled(working: Live) -> None:
    job_id = working.client.post(
        "/v1/jobs", json={**BODY, "budget": 100_000, "objective": "fom"}
    ).json()["id"]
    working.until(job_id, lambda job: job["simulations"] >= 3)
    working.client.put(f"/v1/jobs/{job_id}/wanted-state", json={"wanted_state": "cancel"})
    job = working.finished(job_id)
    assert job["state"] == "cancelled"
    assert 3 <= job["simulations"] < 100_000
    pending = working.get("/v1/designs", job=job_id, state="pending")["items"]
    assert len(pending) <= BODY["batch"]  # type: ignore[operator]
