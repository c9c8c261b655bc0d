"""The circuits on record."""

from __future__ import annotations

import pytest

from ado_service.store.errors import NotFound
from ado_service.store.store import Store
from tests.ado_service.store.builders import circuit


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
