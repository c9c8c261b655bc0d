"""The log of events."""

from __future__ import annotations

import math

import pytest

from ado_service.store.event_record import EventKind
from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed


def test_events_are_followed_by_their_ids(store: Store) -> None:
    lease, other = claimed(store), claimed(store)
    seen = store.events.after(lease.job_id)
    for number in range(5):
        store.events.append(lease, "round", {"round": number})
        store.events.append(other, "round", {"round": -1})
    first = store.events.after(lease.job_id, seen[-1].id, limit=2)
    rest = store.events.after(lease.job_id, first[-1].id)
    assert [event.data["round"] for event in first + rest] == [0, 1, 2, 3, 4]
    ids = [event.id for event in seen + first + rest]
    assert ids == sorted(set(ids))
    assert store.events.after(lease.job_id, ids[-1]) == []
    assert {event.job_id for event in first + rest} == {lease.job_id}


def test_events_of_one_kind_are_followed(store: Store) -> None:
    lease = claimed(store)
    for number in range(3):
        store.events.append(lease, "design", {"index": number})
        store.events.append(lease, "round", {"round": number})
    first = store.events.after(lease.job_id, limit=2, kind="round")
    rest = store.events.after(lease.job_id, first[-1].id, kind=EventKind.ROUND)
    assert [event.data for event in first + rest] == [{"round": 0}, {"round": 1}, {"round": 2}]
    assert store.events.after(lease.job_id, kind="nothing") == []


def test_an_event_says_what_it_was_given(store: Store) -> None:
    lease = claimed(store)
    data = {"text": "\0 \ud800 µ", "number": 1e-300, "nothing": None, "list": [1, {"a": True}]}
    store.events.append(lease, "mine", data)
    last = store.events.after(lease.job_id)[-1]
    assert (last.kind, last.data) == ("mine", data)
    store.events.append(lease, "note", {"fom": math.inf})
    assert store.events.after(lease.job_id)[-1].data == {"fom": math.inf}


@pytest.mark.parametrize("last_id", [2**63 - 1, 2**63, 2**200])
def test_there_is_nothing_behind_the_end(store: Store, last_id: int) -> None:
    assert store.events.after(claimed(store).job_id, last_id) == []


@pytest.mark.parametrize("last_id", [0, -1, -(2**200)])
def test_the_beginning_is_the_beginning(store: Store, last_id: int) -> None:
    lease = claimed(store)
    assert [event.kind for event in store.events.after(lease.job_id, last_id)] == [
        "created",
        "state",
    ]


def test_an_unknown_job_has_no_events(store: Store) -> None:
    assert store.events.after("job_none\0") == []
