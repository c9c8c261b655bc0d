"""The transcripts: every turn of every conversation."""

from __future__ import annotations

import pytest

from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.store import Store
from ado_service.store.transcript_record import LlmTotals, NewTranscript, TranscriptMessage
from tests.ado_service.store.builders import claimed

_MESSAGES = (
    TranscriptMessage(role="system", content="You size amplifiers."),
    TranscriptMessage(role="user", content="µ \0 \U0001f600"),
)


def _turn(turn: int = 0, **fields: object) -> NewTranscript:
    base = {
        "turn": turn,
        "messages": _MESSAGES,
        "reply": 'odd \0 reply <script> {"w": 1e-300}',
        "calls": 2,
        "prompt_tokens": 1000,
        "completion_tokens": 30,
        "cost": 0.1 + 0.2,
        "seconds": 1 / 3,
        "model": "some-model",
        "profile": "cheap",
    }
    return NewTranscript.model_validate({**base, **fields})


def test_a_turn_comes_back_as_it_was_said(store: Store) -> None:
    lease = claimed(store)
    before = store.jobs.get(lease.job_id)
    record = store.transcripts.put(lease, _turn())
    assert record == store.transcripts.get(lease.job_id, 0)
    assert record.model_dump(include=set(NewTranscript.model_fields)) == _turn().model_dump()
    assert (record.accepted, record.rejected) == (None, ())
    assert store.jobs.get(lease.job_id).version > before.version
    last = store.events.after(lease.job_id)[-1]
    assert last.kind == "llm"
    assert (last.data["turn"], last.data["prompt_tokens"], last.data["failure"]) == (0, 1000, None)


def test_a_failed_turn_is_on_record_too(store: Store) -> None:
    lease = claimed(store)
    store.transcripts.put(lease, _turn(reply="", failure="timeout", detail="after 60 s"))
    found = store.transcripts.get(lease.job_id, 0)
    assert found is not None
    assert (found.reply, found.failure, found.detail) == ("", "timeout", "after 60 s")


def test_a_turn_is_recorded_once(store: Store) -> None:
    lease = claimed(store)
    first = store.transcripts.put(lease, _turn())
    before = store.jobs.get(lease.job_id), store.events.after(lease.job_id)
    with pytest.raises(AlreadyExists, match="use it"):
        store.transcripts.put(lease, _turn(reply="another"))
    assert store.transcripts.of_job(lease.job_id) == [first]
    assert (store.jobs.get(lease.job_id), store.events.after(lease.job_id)) == before
    store.transcripts.put(claimed(store), _turn())


def test_a_turn_is_judged(store: Store) -> None:
    lease = claimed(store)
    store.transcripts.put(lease, _turn())
    store.transcripts.judged(lease, 0, 2, ["w: outside its range"])
    store.transcripts.judged(lease, 0, 3, ["w: a duplicate", "not \0 JSON"])
    found = store.transcripts.get(lease.job_id, 0)
    assert found is not None
    assert (found.accepted, found.rejected) == (3, ("w: a duplicate", "not \0 JSON"))
    with pytest.raises(NotFound, match="no turn 1"):
        store.transcripts.judged(lease, 1, 0, [])


def test_turns_are_listed_in_order_and_summed(store: Store) -> None:
    lease, other = claimed(store), claimed(store)
    for turn in (2, 0, 1):
        store.transcripts.put(lease, _turn(turn))
    store.transcripts.put(other, _turn(7))
    store.transcripts.judged(lease, 1, 2, ["too wide"])
    assert [turn.turn for turn in store.transcripts.of_job(lease.job_id)] == [0, 1, 2]
    totals = store.transcripts.totals(lease.job_id)
    assert totals.model_dump(exclude={"cost", "seconds"}) == {
        "turns": 3,
        "calls": 6,
        "prompt_tokens": 3000,
        "completion_tokens": 90,
        "accepted": 2,
        "rejected": 1,
    }
    assert totals.cost == pytest.approx(0.9)
    assert totals.seconds == pytest.approx(1.0)


def test_turns_are_read_page_by_page(store: Store) -> None:
    lease, other = claimed(store), claimed(store)
    for turn in (40, 3, 0, 12):
        store.transcripts.put(lease, _turn(turn))
    store.transcripts.put(other, _turn(5))
    first = store.transcripts.page(lease.job_id, limit=2)
    rest = store.transcripts.page(lease.job_id, first[-1].turn, limit=50)
    assert [turn.turn for turn in first + rest] == [0, 3, 12, 40]
    assert store.transcripts.page(lease.job_id, 40) == []
    assert store.transcripts.page("job_none") == []


def test_sums_read_no_prompts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = claimed(store)
    store.transcripts.put(lease, _turn())

    def unreadable(*_: object) -> None:
        pytest.fail("a whole turn was read")

    monkeypatch.setattr("ado_service.store.transcripts._record", unreadable)
    assert store.transcripts.totals(lease.job_id).turns == 1


def test_what_was_never_said_is_not_there(store: Store) -> None:
    assert store.transcripts.get("job_none", 0) is None
    assert store.transcripts.of_job("job_none") == []
    assert store.transcripts.totals("job_none") == LlmTotals()
