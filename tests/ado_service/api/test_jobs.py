"""Jobs: started once, listed, looked at, told what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ado_service.llm.profile import LLMProfile
from ado_service.store.job_record import JobState, WantedState
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.api.test_errors import problem
from tests.ado_service.store.builders import claimed, measured, new_job, outcome

BODY: dict[str, Any] = {"circuit": "two_stage_amplifier", "method": "random", "budget": 6}


@pytest.fixture(scope="module")
def with_llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with an LLM profile, which is its default."""
    profile = LLMProfile(base_url="http://127.0.0.1:9/v1", model="none")
    chosen = settings(
        tmp_path_factory.mktemp("api"), llm_profiles={"house": profile}, default_llm="house"
    )
    with serving(chosen) as server:
        yield server


def test_a_new_job_is_accepted(live: Live) -> None:
    answer = live.client.post("/v1/jobs", json=BODY)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert "idempotency-replayed" not in answer.headers
    assert live.get(answer.headers["location"]) == job
    assert job["circuit"] == "two_stage_amplifier"
    assert job["config"]["budget"] == 6
    assert (job["state"], job["wanted_state"]) == ("queued", "run")
    assert job["created_at"].endswith("Z")
    record = live.store.jobs.get(job["id"])
    assert live.store.circuits.get(record.circuit_hash).name == "two_stage_amplifier"


def test_the_same_key_and_body_is_the_same_job(live: Live) -> None:
    headers = {"Idempotency-Key": "once"}
    first = live.client.post("/v1/jobs", json=BODY, headers=headers)
    # The same job in another order.
    again = live.client.post("/v1/jobs", json=dict(reversed(BODY.items())), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_and_another_body_is_refused(live: Live) -> None:
    headers = {"Idempotency-Key": "twice"}
    live.client.post("/v1/jobs", json=BODY, headers=headers)
    other = live.client.post("/v1/jobs", json={**BODY, "budget": 7}, headers=headers)
    document = problem(other, 422, "idempotency-conflict")
    assert document["errors"][0]["location"] == "header"
    assert document["errors"][0]["pointer"] == "/Idempotency-Key"


def test_the_servers_llm_and_none_are_two_requests(with_llm: Live) -> None:
    headers = {"Idempotency-Key": "default-or-none"}
    body = {"circuit": "two_stage_amplifier"}
    assert with_llm.client.post("/v1/jobs", json=body, headers=headers).status_code == 202
    other = with_llm.client.post("/v1/jobs", json={**body, "llm": None}, headers=headers)
    problem(other, 422, "idempotency-conflict")


def test_a_refused_job_does_not_use_up_its_key(live: Live) -> None:
    headers = {"Idempotency-Key": "thrice"}
    refused = live.client.post("/v1/jobs", json={**BODY, "spec_set": "none"}, headers=headers)
    assert refused.status_code == 422
    assert live.client.post("/v1/jobs", json=BODY, headers=headers).status_code == 202


def test_many_requests_at_once_make_one_job(live: Live) -> None:
    def post(_number: int) -> str:
        headers = {"Idempotency-Key": "crowd"}
        answer = live.client.post("/v1/jobs", json=BODY, headers=headers)
        assert answer.status_code == 202
        found: str = answer.json()["id"]
        return found

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(post, range(16)))) == 1


@pytest.mark.parametrize(
    ("body", "llm"),
    [
        ({}, "house"),
        ({"llm": None}, None),
        ({"llm": "house"}, "house"),
        ({"method": "gp-bo"}, None),
        ({"method": "llm"}, "house"),
    ],
)
def test_a_job_gets_the_servers_llm_unless_it_says_otherwise(
    with_llm: Live, body: dict[str, Any], llm: str | None
) -> None:
    answer = with_llm.client.post("/v1/jobs", json={"circuit": "two_stage_amplifier", **body})
    assert answer.json()["config"]["llm"] == llm


@pytest.mark.parametrize("asked", [{"method": "llm"}, {"start": "llm"}])
def test_null_is_no_llm(with_llm: Live, asked: dict[str, str]) -> None:
    body = {"circuit": "two_stage_amplifier", "llm": None, **asked}
    document = problem(with_llm.client.post("/v1/jobs", json=body), 422, "invalid-request")
    assert document["errors"][0]["pointer"] == "/llm"
    assert "nobody to ask" in document["errors"][0]["detail"]


def test_jobs_are_listed_each_once(live: Live) -> None:
    made = [new_job(live.store) for _ in range(7)]
    seen = [job["id"] for job in live.everything("/v1/jobs", limit=2, circuit="amplifier")]
    assert seen == made[::-1]
    live.store.jobs.set_wanted_state(made[3], WantedState.PAUSE)
    paused = live.get("/v1/jobs", state="paused", circuit="amplifier")
    assert [job["id"] for job in paused["items"]] == [made[3]]
    assert live.get("/v1/jobs", circuit="nothing") == {"items": [], "next_cursor": None}


def test_a_cursor_goes_with_its_query(live: Live) -> None:
    for _ in range(2):
        new_job(live.store)
    cursor = live.get("/v1/jobs", limit=1)["next_cursor"]
    answer = live.client.get("/v1/jobs", params={"cursor": cursor, "state": "queued"})
    assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == "/cursor"


def test_an_unchanged_job_is_not_sent_again(live: Live) -> None:
    lease = claimed(live.store)
    path = f"/v1/jobs/{lease.job_id}"
    tag = live.client.get(path).headers["etag"]
    assert not tag.startswith("W/")
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = live.client.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    measured(live.store, lease, outcome(2.0, feasible=True))
    answer = live.client.get(path, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
    assert answer.json()["best"]["fom"] == 2.0
    assert answer.json()["simulations_to_all_specs"] == 1


def test_a_job_is_paused_resumed_and_cancelled(live: Live) -> None:
    path = f"/v1/jobs/{new_job(live.store)}"
    for wanted, state in (("pause", "paused"), ("run", "queued"), ("cancel", "cancelled")):
        answer = live.client.put(f"{path}/wanted-state", json={"wanted_state": wanted})
        assert answer.status_code == 200
        assert (answer.json()["wanted_state"], answer.json()["state"]) == (wanted, state)
    again = live.client.put(f"{path}/wanted-state", json={"wanted_state": "cancel"})
    assert again.status_code == 200
    refused = live.client.put(f"{path}/wanted-state", json={"wanted_state": "run"})
    assert "cancelled" in problem(refused, 409, "job-ended")["detail"]


def test_a_running_job_is_asked_to_stop(live: Live) -> None:
    lease = claimed(live.store)
    answer = live.client.put(
        f"/v1/jobs/{lease.job_id}/wanted-state", json={"wanted_state": "cancel"}
    )
    assert (answer.json()["wanted_state"], answer.json()["state"]) == ("cancel", "running")
    live.store.leases.release(lease, JobState.CANCELLED)
    assert live.get(f"/v1/jobs/{lease.job_id}")["state"] == "cancelled"


def test_a_job_is_summed_up(live: Live) -> None:
    lease = claimed(live.store)
    designs = measured(live.store, lease, outcome(1.0), outcome(3.0, feasible=True))
    summary = live.get(f"/v1/jobs/{lease.job_id}/summary")
    assert summary["job_id"] == lease.job_id
    assert summary["best"]["variables"] == designs[1].values
    assert summary["simulations_to_all_specs"] == 2
