"""Transcripts: what was said to LLMs, page by page."""

from __future__ import annotations

import pytest

from ado_service.store.lease_record import Lease
from ado_service.store.transcript_record import NewTranscript, TranscriptMessage
from tests.ado_service.api.live import Live
from tests.ado_service.api.test_errors import problem
from tests.ado_service.store.builders import claimed, new_job


def _talk(live: Live, turns: int) -> Lease:
    lease = claimed(live.store)
    for turn in range(turns):
        message = TranscriptMessage(role="user", content=f"size it <b>{turn}</b> \0 \ud800")
        said = NewTranscript(turn=turn, messages=(message,), reply="{}", calls=1, cost=0.5)
        live.store.transcripts.put(lease, said)
    return lease


def test_turns_are_shown_in_order_each_once(live: Live) -> None:
    lease = _talk(live, 7)
    live.store.transcripts.judged(lease, 0, 1, ["too wide"])
    turns = live.everything(f"/v1/jobs/{lease.job_id}/transcript", limit=3)
    assert [turn["turn"] for turn in turns] == list(range(7))
    assert (turns[0]["accepted"], turns[0]["rejected"]) == (1, ["too wide"])
    assert turns[1]["accepted"] is None
    assert turns[2]["messages"][0]["content"].startswith("size it <b>2</b>")


def test_a_page_reads_no_more_turns_than_it_shows(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/jobs/{_talk(live, 5).job_id}/transcript"
    monkeypatch.setattr(live.service.store.transcripts, "of_job", lambda *_: pytest.fail("all"))
    assert [turn["turn"] for turn in live.get(path, limit=2)["items"]] == [0, 1]


def test_a_job_without_an_llm_said_nothing(live: Live) -> None:
    path = f"/v1/jobs/{new_job(live.store)}/transcript"
    assert live.get(path) == {"items": [], "next_cursor": None}


def test_a_cursor_is_of_its_job(live: Live) -> None:
    one, other = (_talk(live, 2).job_id for _ in range(2))
    cursor = live.get(f"/v1/jobs/{one}/transcript", limit=1)["next_cursor"]
    answer = live.client.get(f"/v1/jobs/{other}/transcript", params={"cursor": cursor})
    assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == "/cursor"
