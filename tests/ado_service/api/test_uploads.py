"""Circuits that users bring, over real HTTP; the hostile ones are in test_hostile_uploads.py."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ado_service.api.uploads import NEW_CIRCUITS
from ado_service.jobs import upload as upload_module
from circuits.definition import Circuit
from circuits.folder import LIBRARY, MODELS
from circuits.loader import load_circuit
from simulators.ngspice.host_process import HostProcess
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.api.test_errors import problem

FILES: dict[str, str] = NEW_CIRCUITS["divider"]["value"]["files"]


def named(name: str, **changes: str) -> dict[str, str]:
    """The divider under another name, with files replaced (`ac__cir` for `ac.cir`)."""
    files = {**FILES, **{key.replace("__", "."): text for key, text in changes.items()}}
    files["circuit.yaml"] = files["circuit.yaml"].replace("name: divider", f"name: {name}", 1)
    return files


def upload(live: Live, files: dict[str, str]) -> httpx.Response:
    return live.client.post("/v1/circuits", json={"files": files})


def taken(live: Live, files: dict[str, str], status: int = 201) -> Any:
    answer = upload(live, files)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Decks that hosts really simulated, a number a run."""
    found: list[int] = []
    run = HostProcess.run

    def counting(self: HostProcess, decks: Sequence[Any], *rest: Any, **more: Any) -> Any:
        if decks:
            found.append(len(decks))
        return run(self, decks, *rest, **more)

    monkeypatch.setattr(HostProcess, "run", counting)
    return found


def test_a_circuit_is_taken_and_shown(live: Live) -> None:
    answer = upload(live, named("shown"))
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["name"], shown["title"], shown["origin"]) == (
        "shown",
        "Voltage divider",
        "upload",
    )
    assert shown["starting"]["values"] == {"r": 2000.0}
    assert shown["starting"]["metrics"]["gain"] == pytest.approx(-9.5424, abs=1e-3)
    assert shown["starting"]["failure"] is None
    assert shown["starting"]["simulator"].startswith("ngspice-")
    definition = Circuit.model_validate(shown["definition"])
    assert definition.content_hash == shown["hash"]
    assert answer.headers["location"] == shown["links"]["version"]
    for address in (
        "/v1/circuits/shown",
        f"/v1/circuits/{shown['hash']}",
        answer.headers["location"],
    ):
        assert live.get(address) == shown
    listed = {one["name"]: one for one in live.everything("/v1/circuits")}
    assert (listed["shown"]["origin"], listed["shown"]["hash"]) == ("upload", shown["hash"])
    assert live.get(shown["links"]["jobs"]) == {"items": [], "next_cursor": None}


def test_the_same_circuit_again_is_the_same_and_not_simulated_again(
    live: Live, runs: list[int]
) -> None:
    own = named("again", ac__cir=FILES["ac.cir"].replace("r2 out 0 1k", "r2 out 0 1.1k"))
    first = taken(live, own)
    assert runs
    runs.clear()
    assert taken(live, own, 200) == first
    assert runs == []
    beside = {**own, "notes.txt": "no netlist asks for this file"}
    assert taken(live, beside, 200) == first


def test_the_same_circuit_at_once_is_taken_once(live: Live) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(upload, live, named("at_once")) for _ in range(4)]
    answers = [one.result() for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1


def test_the_latest_upload_of_a_name_is_what_it_means(live: Live) -> None:
    old = taken(live, named("twice"))
    other = {"ac__cir": FILES["ac.cir"].replace("r2 out 0 1k", "r2 out 0 3k")}
    new = taken(live, named("twice", **other))
    assert new["hash"] != old["hash"]
    assert live.get("/v1/circuits/twice") == new
    assert live.get(f"/v1/circuits/{old['hash']}") == old
    assert taken(live, named("twice"), 200) == old
    assert live.get("/v1/circuits/twice") == old


def test_an_unchanged_circuit_is_not_sent_again(live: Live) -> None:
    shown = taken(live, named("tagged"))
    first = live.client.get("/v1/circuits/tagged")
    known = {"If-None-Match": first.headers["etag"]}
    assert live.client.get("/v1/circuits/tagged", headers=known).status_code == 304
    assert live.client.get(shown["links"]["version"], headers=known).status_code == 304


def test_a_circuit_that_a_job_brought_is_another_resource_once_uploaded(live: Live) -> None:
    definition = Circuit.model_validate(taken(live, named("first_life"))["definition"])
    brought = definition.model_copy(update={"name": "second_life"})
    live.store.circuits.save(brought)
    before = live.client.get("/v1/circuits/second_life")
    assert (before.json()["origin"], before.json()["starting"]) == ("record", None)
    after = taken(live, named("second_life"))
    assert (after["hash"], after["origin"]) == (before.json()["hash"], "upload")
    known = {"If-None-Match": before.headers["etag"]}
    assert live.client.get("/v1/circuits/second_life", headers=known).status_code == 200


def test_a_library_name_is_not_to_be_had(live: Live) -> None:
    for name in ("two_stage_amplifier", "hysteresis_comparator"):
        found = problem(upload(live, named(name)), 409, "library-name")
        assert name in found["detail"]
        assert live.get(f"/v1/circuits/{name}")["origin"] == "library"
    assert live.store.circuits.versions("two_stage_amplifier") == []


def test_a_library_circuit_under_another_name_is_taken(live: Live) -> None:
    folder = LIBRARY / "two_stage_amplifier"
    files = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    text = files["circuit.yaml"].replace("name: two_stage_amplifier", "name: own_amplifier", 1)
    shown = taken(live, {**files, "circuit.yaml": text})
    expected = load_circuit("two_stage_amplifier").model_copy(update={"name": "own_amplifier"})
    assert Circuit.model_validate(shown["definition"]) == expected
    assert set(shown["starting"]["metrics"]) == {"gain", "cmrr", "gbw", "pm", "power"}
    assert (MODELS / "generic90.mod").read_text() in shown["definition"]["files"].values()


def test_all_that_is_wrong_is_said_with_file_line_and_cure(live: Live) -> None:
    text = FILES["ac.cir"].replace("v1 in 0", "a1 in 0").replace("r2 out 0 1k", ".csparam x=1")
    moved = FILES["circuit.yaml"].replace("netlist: ac.cir", "netlist: sub/ac.cir")
    files = {"circuit.yaml": moved, "sub/ac.cir": text}
    found = problem(upload(live, files), 422, "invalid-circuit")
    assert [(one["file"], one["line"]) for one in found["findings"]] == [
        ("sub/ac.cir", 3),
        ("sub/ac.cir", 5),
    ]
    assert "a1" in found["findings"][0]["problem"]
    assert all(one["cure"] for one in found["findings"])
    assert {error["pointer"] for error in found["errors"]} == {"/files/sub~1ac.cir"}
    assert "sub/ac.cir:5" in found["errors"][1]["detail"]


def test_what_ngspice_says_names_file_and_line(live: Live) -> None:
    text = FILES["ac.cir"].replace("r2 out 0 1k", "r2 out 0 1k zork=1")
    found = problem(upload(live, {**FILES, "ac.cir": text}), 422, "invalid-circuit")
    [finding] = found["findings"]
    assert (finding["file"], finding["line"]) == ("ac.cir", 5)
    assert live.client.get("/v1/circuits/divider").status_code == 404, "nothing was written"


def test_a_circuit_that_measures_nothing_at_its_own_sizes_is_taken_with_a_word(live: Live) -> None:
    text = FILES["ac.cir"].replace("max vdb(out)", "when vdb(out)=9")
    shown = taken(live, named("silent", ac__cir=text))
    assert shown["starting"]["metrics"] == {"gain": None}
    assert shown["starting"]["failure"] == "measure_failed"
    assert shown["starting"]["message"]


def test_a_circuit_that_takes_for_ever_is_refused(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "_TRIAL_SECONDS", 0.5)
    text = FILES["ac.cir"].replace(".ac lin 1 1 1", ".tran 1f 1").replace("meas ac", "meas tran")
    text = text.replace("vdb(out)", "v(out)").replace("dc 1 ac 1", "sin(0 1 1g)")
    found = problem(upload(live, named("slow", ac__cir=text)), 422, "invalid-circuit")
    assert "timeout" in found["findings"][0]["problem"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/files"),
        ({"files": {}}, "/files"),
        ({"files": []}, "/files"),
        ({"files": {"circuit.yaml": 1}}, "/files/circuit.yaml"),
        ({"files": {"a/b~c": None}}, "/files/a~1b~0c"),
        ({"files": FILES, "name": "x"}, "/name"),
    ],
)
def test_a_body_of_another_form_is_refused(live: Live, body: Any, pointer: str) -> None:
    found = problem(live.client.post("/v1/circuits", json=body), 422, "invalid-request")
    assert pointer in {error["pointer"] for error in found["errors"]}


def test_an_upload_is_removed(live: Live) -> None:
    shown = taken(live, named("removed"))
    answer = live.client.delete("/v1/circuits/removed")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(live.client.get("/v1/circuits/removed"), 404, "not-found")
    problem(live.client.delete("/v1/circuits/removed"), 404, "not-found")
    again = taken(live, named("removed"))
    assert again["hash"] == shown["hash"]
    assert live.client.delete(shown["links"]["version"]).status_code == 204


def test_what_jobs_sized_and_the_library_are_not_removed(live: Live) -> None:
    taken(live, named("in_use"))
    body = {"circuit": "in_use", "method": "random", "budget": 5}
    assert live.client.post("/v1/jobs", json=body).status_code == 202
    problem(live.client.delete("/v1/circuits/in_use"), 409, "circuit-in-use")
    problem(live.client.delete("/v1/circuits/two_stage_amplifier"), 409, "library-name")


def test_other_circuits_do_not_wait_for_ever(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = live.service.uploads._turns
    monkeypatch.setattr(upload_module, "_WAIT_SECONDS", 0.05)
    held = 0
    while turns.acquire(blocking=False):
        held += 1
    try:
        answer = upload(live, named("waiting"))
        problem(answer, 503, "busy")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        for _ in range(held):
            turns.release()
    assert upload(live, named("waiting")).status_code == 201


def test_a_machine_without_ngspice_says_so(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("ADO_LIBNGSPICE", "/nonexistent.so")
        answer = upload(live, named("no_simulator"))
        found = problem(answer, 503, "unavailable")
    assert "nonexistent" not in found["detail"]
    assert upload(live, named("no_simulator")).status_code == 201


def test_an_upload_is_sized_by_name_and_by_hash_and_outlives_the_server(
    database_url: str, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, database_url=database_url)
    body = {"method": "random", "budget": 6, "initial": 3, "batch": 3}
    with serving(chosen) as first:
        old = taken(first, named("mine"))
        other = FILES["ac.cir"].replace("r2 out 0 1k", "r2 out 0 3k")
        new = taken(first, named("mine", ac__cir=other))
        waiting = first.client.post("/v1/jobs", json={**body, "circuit": "mine"}).json()["id"]
    with serving(chosen, run_jobs=True) as second:
        assert second.get("/v1/circuits/mine") == new
        assert second.finished(waiting)["circuit_hash"] == new["hash"]
        assert second.get(f"/v1/jobs/{waiting}")["state"] == "finished"
        asked = {**body, "circuit": old["hash"]}
        by_hash = second.client.post("/v1/jobs", json=asked).json()
        done = second.finished(by_hash["id"])
        assert (done["circuit"], done["circuit_hash"]) == ("mine", old["hash"])
        assert (done["state"], done["simulations"]) == ("finished", 6)
        assert second.get("/v1/circuits/mine") == new, "a job on an older version changes nothing"
        found = second.everything("/v1/jobs", circuit="mine")
        assert [job["id"] for job in found] == [by_hash["id"], waiting]
        unknown = second.client.post("/v1/jobs", json={**body, "circuit": "0" * 64})
        assert problem(unknown, 422, "invalid-request")["errors"][0]["pointer"] == "/circuit"


def test_readers_are_served_while_circuits_are_checked(live: Live) -> None:
    """Uploads hold threads of the server; the others must be free to answer."""
    stop = threading.Event()
    served = []

    def read() -> None:
        with httpx.Client(base_url=live.client.base_url, timeout=30) as client:
            while not stop.is_set():
                served.append(client.get("/v1/healthz").status_code)

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(read)
        asked = [pool.submit(upload, live, named(f"many_{place}")) for place in range(8)]
        statuses = [one.result().status_code for one in asked]
        stop.set()
        reader.result()
    assert set(statuses) == {201}
    assert set(served) == {200}
