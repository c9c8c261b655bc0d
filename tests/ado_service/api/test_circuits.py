"""Circuits: the library and what is on record."""

from __future__ import annotations

from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit
from tests.ado_service.api.live import Live
from tests.ado_service.store.builders import circuit


def test_the_library_is_listed(live: Live) -> None:
    found = {one["name"]: one for one in live.get("/v1/circuits")["items"]}
    assert set(library_names()) <= set(found)
    entry = found["two_stage_amplifier"]
    assert (entry["origin"], entry["variables"]) == ("library", 14)
    assert entry["metrics"] == ["gain", "cmrr", "gbw", "pm", "power"]
    assert "paper" in entry["spec_sets"]


def test_circuits_on_record_are_listed_each_once(live: Live) -> None:
    live.store.circuits.save(circuit("aaa", "old"))
    live.store.circuits.save(circuit("aaa", "new"))
    live.store.circuits.save(circuit("zzz"))
    live.store.circuits.save(load_circuit("two_stage_amplifier"))
    found = live.everything("/v1/circuits", limit=1)
    assert [one["name"] for one in found] == ["aaa", *library_names(), "zzz"]
    assert (found[0]["origin"], found[0]["title"]) == ("record", "new")


def test_a_circuit_is_shown_whole(live: Live) -> None:
    for name in library_names():
        shown = live.get(f"/v1/circuits/{name}")
        expected = load_circuit(name)
        assert Circuit.model_validate(shown["definition"]) == expected
        assert (shown["hash"], shown["origin"]) == (expected.content_hash, "library")
        assert shown["definition"]["files"]


def test_an_unchanged_circuit_is_not_sent_again(live: Live) -> None:
    live.store.circuits.save(circuit("mine", "old"))
    first = live.client.get("/v1/circuits/mine")
    known = {"If-None-Match": first.headers["etag"]}
    assert live.client.get("/v1/circuits/mine", headers=known).status_code == 304
    live.store.circuits.save(circuit("mine", "new"))
    again = live.client.get("/v1/circuits/mine", headers=known)
    assert (again.status_code, again.json()["title"]) == (200, "new")
