"""Conversations on record: paid for once, counted against the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ado_service.llm.budget import Budget
from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.profile import LLMProfile
from ado_service.llm.recorded import MemoryLog, RecordedChat

PROFILE = LLMProfile(base_url="http://127.0.0.1:1/v1", model="m", max_calls=7)
HELLO = [Message("user", "hello")]
ONE = Usage(calls=1, prompt_tokens=100, completion_tokens=10, cost=0.25, seconds=0.1)


class Caller:
    """Gives these replies in turn and counts."""

    profile = PROFILE

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[Sequence[Message]] = []

    def call(self, messages: Sequence[Message], schema: Mapping[str, Any], draw: str = "") -> Reply:
        self.sent.append(messages)
        return self.replies.pop(0)


def test_a_turn_is_asked_once_and_then_answered_from_the_record() -> None:
    log = MemoryLog()
    failed = Reply(failure=ChatFailure.TIMEOUT, detail="slow", usage=ONE)
    caller = Caller(Reply("one", usage=ONE), failed)
    chat = RecordedChat(caller, log, profile_name="fast", prompt_version="v1")
    first = [chat.complete(turn, HELLO, {}) for turn in (0, 10)]
    resumed = RecordedChat(Caller(), log)
    assert [resumed.complete(turn, [], {}) for turn in (0, 10)] == first
    assert len(caller.sent) == 2
    stored = log.turns[0]
    assert (stored.messages, stored.profile, stored.model) == (tuple(HELLO), "fast", "m")
    assert stored.prompt_version == "v1"
    assert log.used() == ONE + ONE


def test_a_reply_is_stored_before_it_is_used() -> None:
    class Full(MemoryLog):
        def put(self, transcript: object) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        RecordedChat(Caller(Reply("one")), Full()).complete(0, HELLO, {})


def test_what_became_of_a_turn_is_noted() -> None:
    log = MemoryLog()
    chat = RecordedChat(Caller(Reply("one")), log)
    chat.complete(3, HELLO, {})
    chat.judged(3, 2, ["design 1: no"])
    assert (log.turns[3].accepted, log.turns[3].rejected) == (2, ("design 1: no",))
    assert log.turns[3].reply.text == "one"


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(), 4),
        (Budget(max_calls=0), 0),
        (Budget(max_calls=2), 2),
        (Budget(max_tokens=111), 2),
        (Budget(max_cost=0.75), 3),
    ],
)
def test_a_budget_ends_requests_but_not_the_record(budget: Budget, calls: int) -> None:
    log = MemoryLog()
    caller = Caller(*[Reply("ok", usage=ONE)] * 4)
    replies = [RecordedChat(caller, log, budget).complete(turn, HELLO, {}) for turn in range(4)]
    assert len(caller.sent) == calls
    assert all(reply.failure is None for reply in replies[:calls])
    for reply in replies[calls:]:
        assert reply.failure is ChatFailure.BUDGET
        assert "used" in reply.detail
        assert reply.usage == Usage()
    assert RecordedChat(caller, log, Budget(max_calls=0)).complete(0, HELLO, {}) == replies[0]


def test_the_budget_of_a_profile() -> None:
    assert Budget.of(PROFILE) == Budget(max_calls=7)
