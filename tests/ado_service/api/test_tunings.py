"""Tunings over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import ado_service.local_llm as package
from ado_service.tunings.runner import TuningRunner
from tests.ado_service.api.live import Live, serving
from tests.ado_service.tunings.conftest import Scene, _template, scene
from tests.ado_service.tunings.scene import circuit as divider
from tests.ado_service.tunings.scene import run_job, saved_steps

__all__ = ["_template", "scene"]

BODY = {"model": "tiny", "sources": ["divider"], "reduction": 4, "steps": 20, "trials": 0}


@pytest.fixture
def server(scene: Scene) -> Iterator[Live]:
    with serving(scene.settings) as live:
        yield live


def problem(server: Live, body: dict[str, Any], status: int) -> dict[str, Any]:
    answer = server.client.post("/v1/tunings", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


def test_a_tuning_is_queued_once_listed_and_cancelled(server: Live) -> None:
    once = {"Idempotency-Key": "once"}
    first = server.client.post("/v1/tunings", json=BODY, headers=once)
    assert first.status_code == 202, first.text
    tuning = first.json()
    place = first.headers["Location"]
    assert place == f"/v1/tunings/{tuning['id']}"
    assert (tuning["state"], tuning["name"], tuning["config"]["method"]) == (
        "queued", "tiny-qst", "qst",
    )  # fmt: skip
    again = server.client.post("/v1/tunings", json=BODY, headers=once)
    assert again.json() == tuning
    assert again.headers["Idempotency-Replayed"] == "true"
    other = server.client.post("/v1/tunings", json={**BODY, "seed": 2}, headers=once)
    assert other.status_code == 422
    assert server.get("/v1/tunings")["items"] == [tuning]
    assert server.get("/v1/tunings", state="failed")["items"] == []
    seen = server.client.get(place)
    tag = {"If-None-Match": seen.headers["ETag"]}
    assert server.client.get(place, headers=tag).status_code == 304
    wish = server.client.put(f"{place}/wanted-state", json={"wanted_state": "cancel"})
    assert wish.json()["state"] == "cancelled"
    assert server.client.get(place, headers=tag).status_code == 200
    late = server.client.put(f"{place}/wanted-state", json={"wanted_state": "run"})
    assert late.status_code == 409
    page = server.client.get(f"{place}/events", headers={"Accept": "application/json"}).json()
    assert [one["kind"] for one in page["items"]] == ["created", "wanted_state", "state"]
    assert page["complete"]
    stream = server.client.get(f"{place}/events").text
    assert stream.count("event: state\n") == 1
    last = {"Last-Event-ID": str(page["last_id"])}
    assert server.client.get(f"{place}/events", headers=last).status_code == 204


@pytest.mark.parametrize(
    ("changes", "pointer", "said"),
    [
        ({"model": "nobody"}, "/model", "no model 'nobody'"),
        ({"model": "/etc"}, "/model", "no model '/etc'"),
        ({"sources": ["nothing"]}, "/sources/0", "no job and no circuit 'nothing'"),
        ({"name": "Bad Name"}, "/name", "is no name of a model"),
        ({"steps": 0}, "/steps", "greater than or equal to 1"),
        ({"method": "qlora", "quantization": "none"}, "/quantization", "qlora needs nf4"),
        ({"stepz": 1}, "/stepz", "Extra inputs"),
    ],
)
def test_a_bad_request_names_the_field(
    server: Live, changes: dict[str, Any], pointer: str, said: str
) -> None:
    found = problem(server, {**BODY, **changes}, 422)
    [error] = found["errors"]
    assert (error["location"], error["pointer"]) == ("body", pointer)
    assert said in error["detail"]
    assert server.get("/v1/tunings")["items"] == []


def test_a_name_that_is_taken_is_a_conflict(server: Live) -> None:
    assert "a model has the name 'tiny'" in problem(server, {**BODY, "name": "tiny"}, 409)["detail"]
    assert server.client.post("/v1/tunings", json=BODY | {"name": "a"}).status_code == 202
    assert "a tuning under way" in problem(server, {**BODY, "name": "a"}, 409)["detail"]
    assert server.client.get("/v1/tunings/nothing").status_code == 404
    assert server.client.get("/v1/tunings/nothing/events").status_code == 404


def test_a_server_that_runs_jobs_runs_it_while_it_answers(scene: Scene) -> None:
    with serving(scene.settings, run_jobs=True) as live:
        place = live.client.post("/v1/tunings", json=BODY).headers["Location"]
        kinds, step = [], 0
        with live.client.stream("GET", f"{place}/events", timeout=60) as stream:
            for line in stream.iter_lines():
                if not line.startswith("data:"):
                    continue
                event = json.loads(line.removeprefix("data:"))
                kinds.append(event["kind"])
                step = event["data"].get("step", step)
                assert live.get("/v1/healthz")["status"] == "alive"
        tuning = live.get(place)
        assert tuning["state"] == "completed", tuning["message"]
        assert step == tuning["step"] == 20
        assert kinds[0] == "created"
        assert kinds[-1] == "state"
        assert tuning["metrics"]["data"]["designs"] == 48
        assert "tiny-qst" in [one["id"] for one in live.get("/v1/models")["data"]]


def test_no_answer_names_a_file_of_the_server(server: Live, scene: Scene) -> None:
    tuning = server.client.post("/v1/tunings", json=BODY).json()
    place = f"/v1/tunings/{tuning['id']}"
    (scene.folder / "tiny" / "config.json").rename(scene.folder / "away")
    failed = ran(scene, server, tuning["id"])
    assert failed["state"] == "failed"
    page = server.client.get(f"{place}/events", headers={"Accept": "application/json"}).text
    stream = server.client.get(f"{place}/events").text
    for text in (json.dumps(failed), page, stream):
        assert "the model's files are not as they were registered" in text
        assert str(scene.folder) not in text
    assert str(scene.folder) in scene.store.tunings.get(tuning["id"]).detail
    (scene.folder / "away").rename(scene.folder / "tiny" / "config.json")
    again = server.client.put(f"{place}/wanted-state", json={"wanted_state": "run"})
    assert (again.json()["state"], again.json()["message"]) == ("queued", "")
    assert ran(scene, server, tuning["id"])["state"] == "completed"


def ran(scene: Scene, server: Live, tuning_id: str, until: int = 0) -> Any:
    """The tuning after a run, of so many steps or as many as it has."""
    lease = scene.store.tuning_leases.claim("test", 60, tuning_id)
    assert lease is not None

    def drain() -> bool:
        return bool(until and max(saved_steps(scene, tuning_id), default=0) >= until)

    TuningRunner(scene.store, scene.settings, drain).run(lease)
    return server.get(f"/v1/tunings/{tuning_id}")


def test_what_is_cancelled_in_the_queue_leaves_no_checkpoints(server: Live, scene: Scene) -> None:
    tuning = server.client.post("/v1/tunings", json={**BODY, "save_every": 1}).json()["id"]
    assert ran(scene, server, tuning, until=2)["state"] == "queued"
    assert saved_steps(scene, tuning)
    wish = {"wanted_state": "cancel"}
    cancelled = server.client.put(f"/v1/tunings/{tuning}/wanted-state", json=wish)
    assert cancelled.json()["state"] == "cancelled"
    assert not (scene.folder / "tunings" / tuning).exists()


def test_nothing_is_on_record_of_what_was_not_tried(server: Live) -> None:
    body = {**BODY, "method": "qlora", "name": "small"}
    tuning = server.client.post("/v1/tunings", json=body).json()
    assert tuning["config"]["quantization"] == "nf4"
    assert [one["id"] for one in server.get("/v1/models")["data"]] == ["tiny"]


def test_too_few_designs_are_refused_and_the_rest_is_left_to_the_run(
    server: Live, scene: Scene
) -> None:
    run_job(scene.store, scene.settings, divider("few"), 0.5, budget=6)
    [error] = problem(server, {**BODY, "sources": ["few"]}, 422)["errors"]
    assert error["pointer"] == "/sources"
    assert "6 of the 6 designs" in error["detail"]
    [error] = problem(server, {**BODY, "sources": ["two_stage_amplifier"]}, 422)["errors"]
    assert error["pointer"] == "/sources/0"


def test_a_server_that_cannot_tune_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "peft" else object())
    with serving(scene.settings, run_jobs=True) as live:
        found = problem(live, BODY, 503)
        assert found["type"] == "urn:problem-type:ado:no-tunings-here"
        assert "local models need peft: pip install 'ado-service[local-llm]'" in found["detail"]
        assert live.get("/v1/tunings")["items"] == []
    with serving(scene.settings) as live:  # workers elsewhere have it, perhaps
        assert live.client.post("/v1/tunings", json=BODY).status_code == 202
