"""The circuits on record."""

from __future__ import annotations

import pytest

from ado_service.job_config import JobConfig
from ado_service.store.circuit_record import StartingDesign
from ado_service.store.errors import CircuitInUse, NotFound
from ado_service.store.store import Store
from tests.ado_service.store.builders import circuit

STARTING = StartingDesign(values={"w": 1e-5}, metrics={"gain": 2.5, "power": None}, simulator="n-1")


def test_a_circuit_comes_back_as_it_was_saved(store: Store) -> None:
    saved = circuit()
    digest = store.circuits.save(saved)
    found = store.circuits.get(digest)
    assert found.definition == saved
    assert found.definition.content_hash == digest == found.hash
    assert (found.name, found.title) == ("amplifier", "An amplifier")


def test_saving_again_makes_no_second_version(store: Store) -> None:
    first = store.circuits.save(circuit())
    created = store.circuits.get(first).created_at
    assert store.circuits.save(circuit()) == first
    assert [version.hash for version in store.circuits.versions("amplifier")] == [first]
    assert store.circuits.get(first).created_at == created


def test_the_latest_version_is_the_last_saved(store: Store) -> None:
    old = store.circuits.save(circuit(title="old"))
    new = store.circuits.save(circuit(title="new"))
    assert store.circuits.latest("amplifier").hash == new
    store.circuits.save(circuit(title="old"))
    assert store.circuits.latest("amplifier").hash == old
    assert [version.hash for version in store.circuits.versions("amplifier")] == [old, new]


def test_newest_has_one_version_of_each_name(store: Store) -> None:
    store.circuits.save(circuit("beta"))
    store.circuits.save(circuit("alpha", title="old"))
    store.circuits.save(circuit("alpha", title="new"))
    assert [(c.name, c.title) for c in store.circuits.newest()] == [
        ("alpha", "new"),
        ("beta", "An amplifier"),
    ]


@pytest.mark.parametrize("name", ["nothing", "", "\0", "a\0b"])
def test_what_is_not_there_is_named(store: Store, name: str) -> None:
    with pytest.raises(NotFound, match="save the circuit first"):
        store.circuits.get(name)
    with pytest.raises(NotFound, match="save the circuit first"):
        store.circuits.latest(name)
    assert store.circuits.versions(name) == []


def test_an_upload_comes_back_with_its_starting_design(store: Store) -> None:
    record, new = store.circuits.upload(circuit(), STARTING)
    assert new
    assert store.circuits.get(record.hash) == record
    assert (record.definition, record.starting) == (circuit(), STARTING)
    assert record.uploaded_at is not None


def test_an_upload_again_keeps_the_first_starting_design(store: Store) -> None:
    first, _ = store.circuits.upload(circuit(), STARTING)
    again, new = store.circuits.upload(circuit(), STARTING.model_copy(update={"message": "other"}))
    assert not new
    assert (again.starting, again.created_at) == (STARTING, first.created_at)
    assert store.circuits.uploaded(first.hash) == STARTING


def test_a_circuit_that_a_job_brought_along_can_be_uploaded(store: Store) -> None:
    digest = store.circuits.save(circuit())
    assert store.circuits.uploaded(digest) is None
    assert store.circuits.uploaded("none") is None
    record, new = store.circuits.upload(circuit(), STARTING)
    assert (record.hash, new) == (digest, True)


def test_the_latest_upload_of_a_name_goes_before_what_jobs_bring(store: Store) -> None:
    old, _ = store.circuits.upload(circuit(title="old"), STARTING)
    new, _ = store.circuits.upload(circuit(title="new"), STARTING)
    brought = store.circuits.save(circuit(title="brought"))
    store.circuits.save(circuit(title="old"))  # a job on an older version
    assert [one.hash for one in store.circuits.versions("amplifier")] == [
        new.hash,
        old.hash,
        brought,
    ]
    assert store.circuits.latest("amplifier") == new
    assert store.circuits.newest() == [new]
    again, _ = store.circuits.upload(circuit(title="old"), STARTING)
    assert store.circuits.latest("amplifier") == again


def test_circuits_are_found_by_name_and_by_hash(store: Store) -> None:
    old = store.circuits.save(circuit(title="old"))
    new = store.circuits.save(circuit(title="new"))
    assert store.circuits.find("amplifier").hash == new
    assert store.circuits.find(old).hash == old
    alike = "a" * 64
    named = store.circuits.save(circuit(alike))
    assert store.circuits.find(alike).hash == named
    for name in ("nothing", "b" * 64, "\0", ""):
        with pytest.raises(NotFound):
            store.circuits.find(name)


def test_a_circuit_is_forgotten_unless_jobs_sized_it(store: Store) -> None:
    record, _ = store.circuits.upload(circuit(), STARTING)
    store.circuits.delete(record.hash)
    with pytest.raises(NotFound):
        store.circuits.delete(record.hash)
    store.circuits.upload(circuit(), STARTING)
    store.jobs.create(circuit(), JobConfig())
    with pytest.raises(CircuitInUse, match="stays on record"):
        store.circuits.delete(record.hash)
    assert store.circuits.find("amplifier").starting == STARTING
