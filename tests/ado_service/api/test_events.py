"""Events: a stream that goes on where it was cut, and ends with its job."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ado_service.api import event_stream
from ado_service.store.errors import DatabaseUnavailable
from ado_service.store.job_record import JobState
from ado_service.store.lease_record import Lease
from tests.ado_service.api.live import Live
from tests.ado_service.store.builders import claimed, new_job


class Listener:
    """A client of a stream of events."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        self._lines = answer.iter_lines()

    def events(self) -> Iterator[dict[str, Any]]:
        """Each event as it comes; its id and kind stand in the stream as in its data."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                event = json.loads(fields["data"])
                assert (fields["id"], fields["event"]) == (str(event["id"]), event["kind"])
                yield event
                fields = {}

    def comment(self) -> str:
        """The next comment."""
        return next(line for line in self._lines if line.startswith(":"))


@contextmanager
def listening(live: Live, job_id: str, last: int | None = None) -> Iterator[Listener]:
    """A listener to a job's events, those behind id `last`."""
    headers = {"Accept": "text/event-stream"}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    with live.client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        yield Listener(answer)


def _say(live: Live, lease: Lease, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        live.store.events.append(lease, "note", {"number": number})


def test_a_stream_ends_with_its_job(live: Live) -> None:
    lease = claimed(live.store)
    _say(live, lease, 450)  # more than one look at the table brings
    live.store.leases.release(lease, JobState.FINISHED)
    with listening(live, lease.job_id) as listener:
        seen = list(listener.events())
    assert [event["kind"] for event in seen[:2]] == ["created", "state"]
    assert [event["data"].get("number") for event in seen[2:-1]] == list(range(450))
    assert seen[-1]["data"]["state"] == "finished"


def test_a_stream_tells_what_happens_when_it_happens(live: Live) -> None:
    lease = claimed(live.store)
    with listening(live, lease.job_id) as listener:
        events = listener.events()
        assert [next(events)["kind"] for _ in range(2)] == ["created", "state"]
        for number in range(3):
            _say(live, lease, 1, number)
            started = time.monotonic()
            assert next(events)["data"] == {"number": number}
            assert time.monotonic() - started < 3
        live.store.leases.release(lease, JobState.FAILED, "no reason")
        assert [event["data"]["state"] for event in events] == ["failed"]


def test_a_stream_is_taken_up_where_it_was_cut(live: Live) -> None:
    lease = claimed(live.store)
    _say(live, lease, 10)
    seen: list[dict[str, Any]] = []
    for _ in range(3):
        with listening(live, lease.job_id, seen[-1]["id"] if seen else None) as listener:
            events = listener.events()
            seen += [next(events) for _ in range(4)]
    live.store.leases.release(lease, JobState.FINISHED)
    with listening(live, lease.job_id, seen[-1]["id"]) as listener:
        seen += listener.events()
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert [event["data"]["number"] for event in seen if "number" in event["data"]] == list(
        range(10)
    )
    last = {"Last-Event-ID": str(seen[-1]["id"])}
    over = live.client.get(f"/v1/jobs/{lease.job_id}/events", headers=last)
    assert (over.status_code, over.content) == (204, b"")


def test_many_listeners_hear_the_same(live: Live) -> None:
    lease = claimed(live.store)
    heard: list[list[int]] = []

    def hear() -> None:
        with listening(live, lease.job_id) as listener:
            heard.append([event["id"] for event in listener.events()])

    threads = [threading.Thread(target=hear) for _ in range(8)]
    for thread in threads:
        thread.start()
    _say(live, lease, 100)
    assert live.client.get("/v1/healthz").status_code == 200
    live.store.leases.release(lease, JobState.FINISHED)
    for thread in threads:
        thread.join()
    assert len(heard) == 8
    assert all(ids == heard[0] for ids in heard)
    assert len(heard[0]) == 103


def test_a_silent_stream_shows_that_it_lives(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.2)
    lease = claimed(live.store)
    with listening(live, lease.job_id) as listener:
        listener.comment()
        assert listener.comment()
        assert listener.comment()
        live.store.leases.release(lease, JobState.FINISHED)


def test_a_stream_ends_when_the_database_goes(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = claimed(live.store)
    with listening(live, lease.job_id) as listener:
        events = listener.events()
        next(events)

        def gone(*_args: object) -> None:
            raise DatabaseUnavailable("gone")

        monkeypatch.setattr(live.service.store.events, "after", gone)
        assert [event["kind"] for event in events] == ["state"]


def test_a_queued_job_can_be_followed_to_its_cancellation(live: Live) -> None:
    job_id = new_job(live.store)
    with listening(live, job_id) as listener:
        events = listener.events()
        assert next(events)["kind"] == "created"
        live.client.put(f"/v1/jobs/{job_id}/wanted-state", json={"wanted_state": "cancel"})
        assert [event["kind"] for event in events] == ["wanted_state", "state"]


def test_events_come_as_pages_too(live: Live) -> None:
    lease = claimed(live.store)
    _say(live, lease, 5)
    headers = {"Accept": "application/json"}

    def page(after: int) -> Any:
        path = f"/v1/jobs/{lease.job_id}/events?after={after}&limit=3"
        return live.client.get(path, headers=headers).json()

    seen, found = [], page(0)
    while found["items"]:
        seen += found["items"]
        assert not found["complete"]
        assert found["last_id"] == seen[-1]["id"]
        found = page(found["last_id"])
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert len(seen) == 7
    live.store.leases.release(lease, JobState.FINISHED)
    found = page(found["last_id"])
    assert found["complete"]
    assert [event["data"]["state"] for event in found["items"]] == ["finished"]


def test_no_event_says_nan(live: Live) -> None:
    lease = claimed(live.store)
    live.store.events.append(lease, "note", {"fom": float("nan"), "text": "line\nline\r\0 \ud800"})
    live.store.leases.release(lease, JobState.FINISHED)
    with listening(live, lease.job_id) as listener:
        said = [event["data"] for event in listener.events() if event["kind"] == "note"]
    assert said == [{"fom": None, "text": "line\nline\r\ufffd \ufffd"}]
