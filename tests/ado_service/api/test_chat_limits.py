"""Chat completions at their limits: requests that share a batch, leave early, or ask for much."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from tests.ado_service.api.chat_server import (
    ASKED,
    Gated,
    ask,
    post,
    serving_models,
    tiny_engine,
    until,
)
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder

NEVER = "never to be seen"


@pytest.fixture(scope="module")
def gated() -> Gated:
    return Gated()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, gated: Gated) -> Iterator[openai.OpenAI]:
    """A server with a model `tiny`, and one `narrow` with one row and one place to wait."""
    hosted = {
        "tiny": lambda: tiny_engine(tiny_decoder()),
        "narrow": lambda: tiny_engine(gated, max_batch=1, max_waiting=1),
    }
    with serving_models(tmp_path_factory.mktemp("chat"), hosted) as opened:
        yield opened


@pytest.fixture
def held(gated: Gated) -> Iterator[Gated]:
    """The decoder of `narrow`, which is set free again at the end."""
    gated.sizes.clear()
    yield gated
    gated.free.set()


def _texts(client: openai.OpenAI, *, stream: bool = False, **fields: Any) -> list[str]:
    """The answers to one request, by index."""
    return [text for text, _ in _ended(client, stream=stream, **fields)]


def _ended(client: openai.OpenAI, *, stream: bool = False, **fields: Any) -> list[tuple[str, str]]:
    """The answers, and why each ended."""
    answer = ask(client, stream=stream, **fields)
    if not stream:
        return [(one.message.content, one.finish_reason) for one in answer.choices]
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for part in answer:
        for one in part.choices:
            assert one.index not in reasons, "nothing comes behind the end of an answer"
            texts[one.index] = texts.get(one.index, "") + (one.delta.content or "")
            if one.finish_reason is not None:
                reasons[one.index] = one.finish_reason
    return [(texts[index], reasons[index]) for index in sorted(texts)]


@pytest.mark.parametrize("stream", [False, True])
def test_each_answer_ends_at_its_own_stop(client: openai.OpenAI, stream: bool) -> None:
    whole = _texts(client, n=3, max_tokens=40)
    stop = whole[1][9:13]  # four characters, which the tokenizer gives in several tokens
    assert stop not in whole[0] + whole[2]
    found = _ended(client, n=3, max_tokens=40, stop=[NEVER, stop], stream=stream)
    assert found == [
        (whole[0], "length"),
        (whole[1][: whole[1].index(stop)], "stop"),
        (whole[2], "length"),
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_what_only_begins_like_a_stop_is_told(client: openai.OpenAI, stream: bool) -> None:
    [whole] = _texts(client, max_tokens=40)
    stops = [whole[-3:] + NEVER, whole[5:9] + NEVER]
    assert _ended(client, max_tokens=40, stop=stops, stream=stream) == [(whole, "length")]


@pytest.mark.parametrize("stream", [False, True])
def test_one_token_is_one_token(client: openai.OpenAI, stream: bool) -> None:
    fields: dict[str, Any] = {"max_tokens": 1, "n": 4}
    assert ask(client, **fields).usage.completion_tokens == 4
    ended = _ended(client, stream=stream, **fields)
    assert [reason for _, reason in ended] == ["length"] * 4
    longer = _texts(client, n=4, max_tokens=5)
    assert all(long.startswith(short) for long, (short, _) in zip(longer, ended, strict=True))


def test_without_chance_there_is_one_answer(client: openai.OpenAI) -> None:
    likeliest = _texts(client, temperature=0, seed=None)
    assert likeliest[0]
    for fields in ({"seed": 2}, {"n": 3}, {"stream": True}, {"top_p": 0.5}):
        assert set(_texts(client, temperature=0, **fields)) == set(likeliest)
    # A share that the first token makes up by itself, at any temperature.
    for temperature in (0.5, 1.0, 2.0):
        fields = {"temperature": temperature, "n": 2}
        assert set(_texts(client, top_p=1e-12, **fields)) == set(likeliest)
    assert set(_texts(client, temperature=1e-12)) == set(likeliest)


def test_a_seed_repeats_an_answer_whatever_shares_its_batch(client: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"seed": 7, "max_tokens": 120}
    [alone] = _texts(client, **fields)
    messages = [{"role": "user", "content": "w" * size} for size in range(1, 200, 25)]
    beside = [{"messages": [one], "seed": None, "max_tokens": 60} for one in messages]
    with ThreadPoolExecutor(2 * len(beside)) as pool:
        noise = [pool.submit(_texts, client, **one) for one in beside]
        again = [pool.submit(_texts, client, stream=at % 2 == 1, **fields) for at in range(4)]
        assert [one.result() for one in again] == [[alone]] * 4
        assert len({one.result()[0] for one in noise}) == len(beside)


def _stream(client: openai.OpenAI, **fields: Any) -> Any:
    """A stream of `narrow` that goes on until the context is full."""
    body = {"model": "narrow", "messages": ASKED, "seed": 5, "stream": True, **fields}
    return httpx.stream("POST", f"{client.base_url}chat/completions", json=body, timeout=30)


def test_who_leaves_in_the_middle_of_a_stream_leaves_the_row(
    client: openai.OpenAI, held: Gated
) -> None:
    with _stream(client) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        for _ in range(10):
            next(lines)
    left = len(held.sizes)
    assert left < CONTEXT / 2
    assert ask(client, model="narrow", max_tokens=3).usage.completion_tokens == 3
    # Up to the moment at which the server sees it; then prompt and answer of the next one.
    assert len(held.sizes) - left < CONTEXT / 4
    steps = len(held.sizes)
    time.sleep(0.1)
    assert len(held.sizes) == steps


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_while_waiting_leaves_the_place(
    client: openai.OpenAI, held: Gated, stream: bool
) -> None:
    ask(client, model="narrow", max_tokens=1)
    held.free.clear()
    with _stream(client) as running:
        assert running.status_code == 200
        with _waiting(client, stream):
            until(lambda: _is_full(client))
        until(lambda: not _is_full(client))


@contextmanager
def _waiting(client: openai.OpenAI, stream: bool) -> Iterator[None]:
    """A request of `narrow` whose answer nobody reads, for as long as the block lasts."""
    body = json.dumps({"model": "narrow", "messages": ASKED, "stream": stream}).encode()
    url = client.base_url
    head = (
        f"POST {url.path}chat/completions HTTP/1.1\r\nHost: {url.host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(head.encode() + body)
        yield


def _is_full(client: openai.OpenAI) -> bool:
    """Whether one more request of `narrow` is refused; one that is not goes away at once."""
    with _stream(client) as answer:
        return answer.status_code == 429


def test_a_very_long_prompt_holds_nobody_up(client: openai.OpenAI) -> None:
    """A megabyte of text takes seconds to turn into tokens."""
    longest = [{"role": "user", "content": "Size the amplifier for 10 uA. " * 34_000}]
    ask(client, max_tokens=1)
    done: list[tuple[float, httpx.Response]] = []

    def put() -> None:
        start = time.monotonic()
        answer = post(client, {"model": "tiny", "messages": longest})
        done.append((time.monotonic() - start, answer))

    thread = threading.Thread(target=put)
    thread.start()
    waited = []
    with httpx.Client() as other:
        while thread.is_alive():
            start = time.monotonic()
            assert other.get(f"{client.base_url}healthz").status_code == 200
            waited.append(time.monotonic() - start)
    [(seconds, answer)] = done
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert seconds > 0.5, "or this shows nothing"
    assert max(waited) < seconds / 4


def test_more_messages_than_anyone_means_are_refused_as_too_many(client: openai.OpenAI) -> None:
    answer = post(client, {"model": "tiny", "messages": [{"role": "x", "content": 1}] * 27_000})
    assert answer.status_code == 400
    error = answer.json()["error"]
    # Not the first of 27,000 faults: finding all of them takes most of a second.
    assert (error["code"], error["param"]) == ("invalid_value", "messages")
    assert "at most 4096" in error["message"]
