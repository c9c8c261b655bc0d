"""The client against a real HTTP server that misbehaves in every way we know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ado_service.llm.chat import ChatFailure, Message, Reply
from ado_service.llm.client import OpenAIChat
from ado_service.llm.profile import LLMProfile
from prompts.parse import parse_answer
from prompts.schema import answer_schema
from tests.llm_server import (
    Exchange,
    ScriptedLLM,
    Step,
    bad_json,
    drip,
    drip_headers,
    empty,
    good,
    hang,
    html,
    huge,
    not_utf8,
    prose,
    rate_limited,
    refuses_format,
    reset,
    server_error,
    status,
    text,
    truncated,
)
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()
SCHEMA = answer_schema(CIRCUIT, 2)
MESSAGES = [Message("system", "size"), Message("user", "the circuit")]
KEY = "sk-test-not-a-real-key"


class Waits(list[float]):
    """Stands in for sleeping: what was slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def chat(
    llm: ScriptedLLM, waits: Callable[[float], None] | None = None, **more: object
) -> OpenAIChat:
    fields: dict[str, object] = {"base_url": llm.base_url, "model": "scripted", "timeout": 5.0}
    profile = LLMProfile.model_validate(fields | more)
    return OpenAIChat(profile, sleep=Waits() if waits is None else waits, jitter=lambda: 0.5)


def ask(*script: Step, **more: Any) -> tuple[Reply, ScriptedLLM]:
    with ScriptedLLM(script) as llm:
        return chat(llm, **more).call(MESSAGES, SCHEMA), llm


@pytest.mark.parametrize("step", [good, prose])
def test_a_good_reply(step: Step) -> None:
    reply, llm = ask(step, price_prompt=2.0, price_completion=10.0)
    assert reply.failure is None
    assert len(parse_answer(reply.text, CIRCUIT).designs) == 2
    assert (reply.usage.calls, reply.usage.tokens) == (1, 1200)
    assert reply.usage.cost == pytest.approx(1000 * 2e-6 + 200 * 1e-5)
    assert reply.usage.seconds > 0
    sent = llm.requests[0].body
    assert sent["messages"] == [{"role": m.role, "content": m.content} for m in MESSAGES]
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("scripted", 0.5, 4096)


@pytest.mark.parametrize(
    ("step", "failure", "calls"),
    [
        (empty, ChatFailure.EMPTY, 1),
        (text(None), ChatFailure.EMPTY, 1),
        (truncated, ChatFailure.TRUNCATED, 1),
        (html, ChatFailure.SERVER_ERROR, 3),
        (not_utf8, ChatFailure.SERVER_ERROR, 3),
        (text("x", choices=[]), ChatFailure.SERVER_ERROR, 3),
        (server_error, ChatFailure.SERVER_ERROR, 3),
        (status(503), ChatFailure.SERVER_ERROR, 3),
        (reset, ChatFailure.UNREACHABLE, 3),
        (rate_limited(), ChatFailure.RATE_LIMITED, 3),
        (status(401), ChatFailure.REFUSED, 1),
        (status(404), ChatFailure.REFUSED, 1),
        (status(307, Location="http://127.0.0.1:9/"), ChatFailure.REFUSED, 1),
        (status(400, "maximum context length is 5"), ChatFailure.REFUSED, 1),
        (status(400, "anything else"), ChatFailure.REFUSED, 3),  # schema, object, none
    ],
)  # fmt: skip
def test_failures_are_named(step: Step, failure: ChatFailure, calls: int) -> None:
    reply, llm = ask(step, retries=2)
    assert reply.failure is failure
    assert reply.text == ""
    assert reply.detail
    assert reply.usage.calls == len(llm.requests) == calls


def test_an_address_that_no_client_can_use_is_a_failure() -> None:
    profile = LLMProfile(base_url="http://127.0.0.1:9/v1\0", model="none")
    reply = OpenAIChat(profile).call(MESSAGES, SCHEMA)
    assert reply.failure is ChatFailure.UNREACHABLE
    assert "InvalidURL" in reply.detail


def test_a_mistake_of_ours_is_a_failure_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Reply:
        raise ZeroDivisionError(f"with {KEY}")

    monkeypatch.setenv("SCRIPTED_KEY", KEY)
    monkeypatch.setattr("ado_service.llm.client._reply", broken)
    with ScriptedLLM() as llm, capture_logs() as logs:
        caller = chat(llm, api_key_env="SCRIPTED_KEY", concurrency=1)
        replies = [caller.call(MESSAGES, SCHEMA) for _ in range(2)]
    assert [reply.failure for reply in replies] == [ChatFailure.UNREACHABLE] * 2
    assert replies[0].detail == "ZeroDivisionError: with ***"
    assert logs[0]["event"] == "llm_call_failed"
    assert KEY not in str(logs)


def test_text_that_is_no_json_is_a_reply_all_the_same() -> None:
    assert ask(bad_json)[0].failure is None


def test_a_body_nested_beyond_reason_is_a_server_error() -> None:
    deep = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    reply, _ = ask(lambda exchange: exchange.send(200, deep), retries=0)
    assert reply.failure is ChatFailure.SERVER_ERROR


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None}, "many", {"prompt_tokens": -5}]
)
def test_an_endpoint_that_counts_no_tokens(usage: object) -> None:
    reply, _ = ask(text("hello", usage=usage))
    assert (reply.text, reply.usage.tokens) == ("hello", 0)


def test_text_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "image"}, {"type": "text", "text": "lo"}]
    choice = {"message": {"role": "assistant", "content": parts}, "finish_reason": "stop"}
    assert ask(text("", choices=[choice]))[0].text == "hello"


def test_an_error_in_a_good_status_is_shown() -> None:
    reply, _ = ask(lambda exchange: exchange.send(200, b'{"error": "no credit"}'), retries=0)
    assert "no credit" in reply.detail


def test_what_no_database_can_hold_is_left_out() -> None:
    assert ask(text("a\x00b"))[0].text == "ab"


def test_errors_that_pass_are_retried_with_growing_waits() -> None:
    waits = Waits()
    with ScriptedLLM([server_error, reset, rate_limited("7"), good]) as llm:
        reply = chat(llm, waits).call(MESSAGES, SCHEMA)
    assert reply.failure is None
    assert reply.usage.calls == 4
    assert waits == [0.375, 0.75, 7.0]


@pytest.mark.parametrize("asked", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "nan", ""])
def test_a_retry_after_without_seconds_is_passed_over(asked: str) -> None:
    waits = Waits()
    with ScriptedLLM([rate_limited(asked), good]) as llm:
        chat(llm, waits).call(MESSAGES, SCHEMA)
    assert waits == [0.375]


def test_a_retry_after_beyond_the_deadline_ends_the_turn() -> None:
    start = time.perf_counter()
    with ScriptedLLM([rate_limited("86400"), good]) as llm:
        reply = chat(llm, time.sleep).call(MESSAGES, SCHEMA)
    assert reply.failure is ChatFailure.RATE_LIMITED
    assert reply.usage.calls == 1
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("step", [hang, drip, drip_headers])
def test_a_slow_server_is_cut_at_the_deadline(step: Step) -> None:
    with ScriptedLLM([step]) as llm:
        start = time.perf_counter()
        reply = chat(llm, timeout=0.3).call(MESSAGES, SCHEMA)
        seconds = time.perf_counter() - start
    assert reply.failure is ChatFailure.TIMEOUT
    assert reply.usage.calls == 1
    assert 0.25 < seconds < 15


@pytest.mark.parametrize("code", [200, 500])
def test_a_huge_reply_is_not_read(code: int) -> None:
    reply, _ = ask(huge(64, code), retries=0)
    assert reply.failure is (ChatFailure.TOO_LARGE if code == 200 else ChatFailure.SERVER_ERROR)
    assert len(reply.detail) < 400


def test_nobody_listens() -> None:
    with ScriptedLLM() as llm:
        gone = chat(llm, retries=1)
    reply = gone.call(MESSAGES, SCHEMA)
    assert reply.failure is ChatFailure.UNREACHABLE
    assert reply.usage.calls == 2


def test_a_refused_response_format_is_remembered() -> None:
    with ScriptedLLM([refuses_format("json_schema", "json_object")]) as llm:
        caller = chat(llm)
        assert [caller.call(MESSAGES, SCHEMA).failure for _ in range(2)] == [None, None]
    kinds = [seen.body.get("response_format", {}).get("type") for seen in llm.requests]
    assert kinds == ["json_schema", "json_object", None, None]


def test_a_refusal_that_nothing_mends_is_not_remembered() -> None:
    with ScriptedLLM([status(400), status(400), status(400), good]) as llm:
        caller = chat(llm)
        assert caller.call(MESSAGES, SCHEMA).failure is ChatFailure.REFUSED
        assert caller.call(MESSAGES, SCHEMA).failure is None
    assert llm.requests[-1].body["response_format"]["type"] == "json_schema"


def test_models_that_name_their_limit_otherwise() -> None:
    def picky(exchange: Exchange) -> None:
        body = exchange.seen.body
        if "max_tokens" in body:
            exchange.refuse(400, "Unsupported parameter; use 'max_completion_tokens' instead")
        elif "temperature" in body:
            exchange.refuse(400, "'temperature' does not support 0.5 with this model")
        else:
            good(exchange)

    reply, llm = ask(picky)
    assert reply.failure is None
    assert llm.requests[-1].body["max_completion_tokens"] == 4096
    assert llm.requests[-1].body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(("mode", "kind"), [("object", "json_object"), ("none", None)])
def test_the_profile_can_ask_for_less(mode: str, kind: str | None) -> None:
    _, llm = ask(text("{}"), json_mode=mode)
    assert llm.requests[0].body.get("response_format", {}).get("type") == kind


def test_the_key_is_read_when_used_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedLLM([status(401, f"wrong key {KEY}"), text(f"key {KEY}")]) as llm:
        caller = chat(llm, api_key_env="TEST_LLM_KEY")
        missing = caller.call(MESSAGES, SCHEMA)
        monkeypatch.setenv("TEST_LLM_KEY", KEY)
        wrong, echoed = caller.call(MESSAGES, SCHEMA), caller.call(MESSAGES, SCHEMA)
    assert missing.failure is ChatFailure.REFUSED
    assert "set the environment variable TEST_LLM_KEY" in missing.detail
    assert missing.usage.calls == 0
    assert llm.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert wrong.detail.startswith("HTTP 401: ")
    assert echoed.text == "key ***"
    assert KEY not in f"{wrong} {echoed} {caller.profile!r} {vars(caller)}"


@pytest.mark.parametrize("code", [200, 401])
def test_no_part_of_a_key_is_left_where_a_text_is_cut(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_LLM_KEY", KEY)
    first = 90 if code == 200 else 270  # the text is cut at 120 and at 300 characters

    def echo(exchange: Exchange) -> None:
        exchange.send(code, b"x" * (first + exchange.seen.number) + KEY.encode())

    with ScriptedLLM([echo]) as llm:
        caller = chat(llm, api_key_env="TEST_LLM_KEY", retries=0)
        details = [caller.call(MESSAGES, SCHEMA).detail for _ in range(32)]
    assert all(detail and KEY[:5] not in detail for detail in details)


def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    _, llm = ask(good)
    assert "authorization" not in llm.requests[0].headers
    assert "org-private" not in str(llm.requests[0].headers)


def test_no_more_requests_at_once_than_the_profile_allows() -> None:
    busy, most, lock = 0, 0, threading.Lock()

    def counted(exchange: Exchange) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with lock:
            busy -= 1
        good(exchange)

    with ScriptedLLM([counted]) as llm:
        caller = chat(llm, concurrency=2)
        threads = [threading.Thread(target=caller.call, args=(MESSAGES, SCHEMA)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 2
    assert len(llm.requests) == 6


def test_waiting_for_a_slot_ends_with_the_turn() -> None:
    with ScriptedLLM([hang]) as llm:
        caller = chat(llm, timeout=0.4, turn_timeout=0.4, concurrency=1)
        first = threading.Thread(target=caller.call, args=(MESSAGES, SCHEMA))
        first.start()
        start = time.perf_counter()
        reply = caller.call(MESSAGES, SCHEMA)
        seconds = time.perf_counter() - start
        first.join()
    assert reply.failure is ChatFailure.TIMEOUT
    assert seconds < 15
