"""Chat completions, asked for by OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import openai
import pytest
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ado_service.local_llm.chat_format import ChatFormat
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.errors import MissingExtraError, ModelFolderError
from ado_service.local_llm.generation_error import EngineClosed
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosted_models import HostedModels
from tests.ado_service.api.chat_server import (
    ASKED,
    Gated,
    ask,
    post,
    serving_models,
    tiny_engine,
    until,
)
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder, tiny_tokenizer

LONG: list[Any] = [{"role": "user", "content": "x" * (CONTEXT + 50)}]
SIZES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "w": {"type": "string", "pattern": r"^[1-9][0-9]?\.[0-9]u$"},
        "fingers": {"type": "integer", "minimum": 1, "maximum": 16},
    },
    "required": ["w", "fingers"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def gated() -> Gated:
    return Gated()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, gated: Gated) -> Iterator[openai.OpenAI]:
    """A server with a model `tiny`, one `narrow` with few places, and one that cannot be loaded."""

    def broken() -> Engine:
        raise ModelFolderError("a secret place has no config.json")

    def missing() -> Engine:
        raise MissingExtraError("local models need bitsandbytes: pip install 'ado-service[x]'")

    hosted = {
        "tiny": lambda: tiny_engine(tiny_decoder()),
        "narrow": lambda: tiny_engine(gated, max_batch=1, max_waiting=1),
        "shared": lambda: tiny_engine(gated),
        "broken": broken,
        "missing": missing,
    }
    with serving_models(tmp_path_factory.mktemp("chat"), hosted) as opened:
        yield opened


@pytest.fixture
def held(gated: Gated) -> Iterator[Gated]:
    """The decoder of `narrow` and `shared`, which is set free again at the end."""
    gated.sizes.clear()
    yield gated
    gated.fails = False
    gated.free.set()


def test_an_answer(client: openai.OpenAI) -> None:
    answer = ask(client)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "tiny"
    assert abs(answer.created - time.time()) < 60
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert answer.usage.completion_tokens == 20
    prompt = tiny_tokenizer().apply_chat_template(
        ASKED, tokenize=True, add_generation_prompt=True, return_dict=False
    )
    assert answer.usage.prompt_tokens == len(prompt)
    assert answer.usage.total_tokens == len(prompt) + 20


def test_a_seed_repeats_an_answer(client: openai.OpenAI) -> None:
    texts = {ask(client, seed=3).choices[0].message.content for _ in range(3)}
    assert len(texts) == 1
    assert texts != {ask(client, seed=4).choices[0].message.content}


def test_several_answers(client: openai.OpenAI) -> None:
    answer = ask(client, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    first, second = (choice.message.content for choice in answer.choices)
    assert first == ask(client).choices[0].message.content
    assert first != second
    assert answer.usage.completion_tokens == 40


def test_a_stream_tells_the_same(client: openai.OpenAI) -> None:
    whole = ask(client, n=2)
    texts, reasons, usage = {0: "", 1: ""}, {}, None
    chunks = list(ask(client, n=2, stream=True, stream_options={"include_usage": True}))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    for chunk in chunks:
        assert (chunk.usage is not None) is (chunk is chunks[-1])
        for choice in chunk.choices:
            assert choice.index not in reasons, "nothing comes behind the end of an answer"
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
        usage = chunk.usage
    assert chunks[-1].choices == []
    assert usage == whole.usage
    assert [texts[0], texts[1]] == [choice.message.content for choice in whole.choices]
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}
    assert len(chunks) > 15


def test_a_stream_on_the_wire(client: openai.OpenAI) -> None:
    body = {"model": "tiny", "messages": ASKED, "seed": 1, "max_tokens": 2, "stream": True}
    answer = post(client, body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    for event in events[:-2]:
        chunk = json.loads(event.removeprefix("data: "))
        assert "usage" not in chunk
        assert len(chunk["choices"]) == 1


def test_a_stop(client: openai.OpenAI) -> None:
    whole = ask(client, max_tokens=40).choices[0].message.content
    stop = whole[8:11]
    for stops in (stop, ["never to be seen", stop]):
        (choice,) = ask(client, max_tokens=40, stop=stops).choices
        assert choice.message.content == whole[: whole.index(stop)]
        assert choice.finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_a_schema(client: openai.OpenAI, stream: bool) -> None:
    named = {"name": "sizes", "strict": True, "schema": SIZES}
    form = {"type": "json_schema", "json_schema": named}
    answer = ask(client, response_format=form, n=8, max_tokens=None, stream=stream)
    texts: dict[int, str] = {}
    for part in answer if stream else [answer]:
        for choice in part.choices:
            said = choice.delta if stream else choice.message
            texts[choice.index] = texts.get(choice.index, "") + (said.content or "")
            assert choice.finish_reason in {"stop", None}
    assert len(texts) == 8
    for text in texts.values():
        Draft202012Validator(SIZES).validate(json.loads(text))


def test_an_answer_of_any_object(client: openai.OpenAI) -> None:
    form = {"type": "json_object"}
    answer = ask(client, response_format=form, n=8, max_tokens=500)
    whole = [one.message.content for one in answer.choices if one.finish_reason == "stop"]
    assert whole
    assert all(isinstance(json.loads(text), dict) for text in whole)


def test_the_newer_name_of_the_longest_answer(client: openai.OpenAI) -> None:
    assert ask(client, max_completion_tokens=4).usage.completion_tokens == 4
    assert ask(client, max_tokens=4).usage.completion_tokens == 4


def test_parts_of_a_text_are_one_text(client: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": "Size the "}, {"type": "text", "text": "amplifier."}]
    mine = ask(client, messages=[{"role": "user", "content": parts}])
    assert mine.choices[0].message.content == ask(client).choices[0].message.content


def test_fields_that_do_no_harm_are_accepted(client: openai.OpenAI) -> None:
    answer = ask(
        client,
        user="me",
        frequency_penalty=0,
        presence_penalty=0.0,
        logprobs=False,
        tools=[],
        store=False,
        metadata={"a": "b"},
        temperature=None,
        top_p=None,
        n=None,
        stop=None,
        response_format={"type": "text"},
        extra_body={"colour": "blue"},
    )
    assert answer.choices[0].message.content == ask(client).choices[0].message.content


def test_the_models(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert [model.id for model in models] == ["broken", "missing", "narrow", "shared", "tiny"]
    assert {model.object for model in models} == {"model"}
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError, match="no model 'none' here"):
        client.models.retrieve("none")


_REFUSED: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "context": ({"messages": LONG}, 400, "context_length_exceeded", "messages"),
    "model": ({"model": "gpt-9"}, 404, "model_not_found", "model"),
    "extra": ({"model": "missing"}, 404, "model_not_found", "model"),
    "load": ({"model": "broken"}, 503, "model_not_loaded", "model"),
    "temperature": ({"temperature": 3}, 400, "invalid_value", "temperature"),
    "top_p": ({"top_p": 0}, 400, "invalid_value", "top_p"),
    "n": ({"n": 1000}, 400, "invalid_value", "n"),
    "seed": ({"seed": 2**70}, 400, "invalid_value", "seed"),
    "max_tokens": ({"max_tokens": 0}, 400, "invalid_value", "max_tokens"),
    "messages": ({"messages": []}, 400, "invalid_value", "messages"),
    "role": ({"messages": [{"role": "x", "content": ""}]}, 400, "invalid_value", None),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        400,
        "invalid_value",
        None,
    ),
    "stop": ({"stop": [""]}, 400, "invalid_value", "stop.0"),
    "format": ({"response_format": {"type": "xml"}}, 400, "invalid_value", "response_format"),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "nonsense"}},
            }
        },
        400,
        "invalid_json_schema",
        "response_format",
    ),
    "logprobs": ({"logprobs": True}, 400, "unsupported_parameter", "logprobs"),
    "tools": (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        400,
        "unsupported_parameter",
        "tools",
    ),
    "penalty": ({"presence_penalty": 0.5}, 400, "unsupported_parameter", "presence_penalty"),
}
_KINDS = {400: openai.BadRequestError, 404: openai.NotFoundError, 503: openai.InternalServerError}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", _REFUSED)
def test_refusals_are_error_objects(client: openai.OpenAI, name: str, stream: bool) -> None:
    fields, status, code, param = _REFUSED[name]
    with pytest.raises(_KINDS[status]) as refused:
        ask(client, stream=stream, **fields)
    error = refused.value
    assert error.code == code
    assert error.type == ("invalid_request_error" if status < 500 else "server_error")
    if param is not None:
        assert error.param == param
    assert isinstance(error.body, dict)
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.body["message"]
    assert "secret" not in str(error)


def test_a_prompt_that_is_too_long_says_by_how_much(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, messages=LONG)
    assert f"maximum context length is {CONTEXT} tokens" in str(refused.value)
    tokens = len(ChatFormat(tiny_tokenizer()).tokens([ChatMessage("user", LONG[0]["content"])]))
    assert tokens > CONTEXT
    assert f"the prompt alone has {tokens};" in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"model": "tiny"}', b'{"model": "tiny", "model": "tiny"}',
     b'{"model": NaN}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_hostile_bodies_are_refused(client: openai.OpenAI, body: bytes) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert len(answer.content) < 5000


def test_lone_surrogates_do_no_harm(client: openai.OpenAI) -> None:
    messages = '[{"role": "user", "content": "\\ud800"}]'
    body = f'{{"model": "tiny", "messages": {messages}, "max_tokens": 3}}'
    assert post(client, body.encode()).status_code == 200
    body = f'{{"model": "\\ud800", "messages": {messages}}}'
    assert post(client, body.encode()).status_code == 400


def test_other_types_than_json_are_refused(client: openai.OpenAI) -> None:
    body = {"model": "tiny", "messages": ASKED}
    answer = post(client, body, **{"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


def test_two_requests_share_forward_passes(client: openai.OpenAI, held: Gated) -> None:
    held.free.clear()
    bodies = [{"model": "shared", "seed": seed, "max_tokens": 30} for seed in (1, 2)]
    answers: dict[int, Any] = {}

    def put(at: int) -> None:
        answers[at] = ask(client, **bodies[at])

    threads = [threading.Thread(target=put, args=(at,)) for at in (0, 1)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)  # both are in the queue by then
    held.free.set()
    for thread in threads:
        thread.join()
    tokens = [answers[at].usage.completion_tokens for at in (0, 1)]
    assert held.sizes.count(2) >= min(tokens) - 2
    assert len(held.sizes) <= max(tokens) + 4
    for at in (0, 1):
        again = ask(client, **bodies[at])
        assert again.choices[0].message.content == answers[at].choices[0].message.content


def test_a_full_queue_says_when_to_come_back(client: openai.OpenAI, held: Gated) -> None:
    ask(client, model="narrow", max_tokens=2)
    held.free.clear()
    threads = []
    for _ in range(2):  # one that runs and one that waits
        threads.append(threading.Thread(target=ask, args=(client,), kwargs={"model": "narrow"}))
        threads[-1].start()
    time.sleep(0.3)
    with pytest.raises(openai.RateLimitError) as refused:
        ask(client, model="narrow")
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.type == "rate_limit_error"
    assert 1 <= int(refused.value.response.headers["retry-after"]) < 100
    held.free.set()
    for thread in threads:
        thread.join()
    assert ask(client, model="narrow")


def test_a_sign_of_life_during_a_generation(client: openai.OpenAI) -> None:
    done = threading.Event()

    def generate() -> None:
        for seed in range(3):
            ask(client, n=8, seed=seed, max_tokens=200)
        done.set()

    thread = threading.Thread(target=generate)
    thread.start()
    seconds = []
    with httpx.Client() as other:
        while not done.is_set():
            start = time.monotonic()
            assert other.get(f"{client.base_url}healthz").status_code == 200
            seconds.append(time.monotonic() - start)
    thread.join()
    assert len(seconds) > 20
    # 19 of 20, for machines that do other things beside this.
    assert sorted(seconds)[-(len(seconds) // 20) - 1] < 0.1


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_generation(
    client: openai.OpenAI, held: Gated, stream: bool
) -> None:
    body = {"model": "shared", "messages": ASKED, "seed": 5, "n": 8, "stream": stream}
    url = f"{client.base_url}chat/completions"
    patience = httpx.Timeout(30, read=30 if stream else 0.2)
    try:
        with httpx.stream("POST", url, json=body, timeout=patience):
            assert stream, "a whole answer does not begin before it is complete"
            until(lambda: len(held.sizes) > 20)
    except httpx.ReadTimeout:
        assert not stream
    until(lambda: _idle(held))
    assert len(held.sizes) < CONTEXT - 100


def _idle(held: Gated) -> bool:
    before = len(held.sizes)
    time.sleep(0.15)
    return before > 0 and len(held.sizes) == before


def test_a_model_that_fails_tells_nothing(client: openai.OpenAI, held: Gated) -> None:
    held.fails = True
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client, model="shared")
    assert failed.value.code == "model_failed"
    with pytest.raises(openai.APIError) as cut:
        list(ask(client, model="shared", stream=True))
    assert cut.value.code == "model_failed"
    for error in (failed.value, cut.value):
        assert "secret" not in str(error)
        assert "log" in str(error)
    held.fails = False
    assert ask(client, model="shared")


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_SCHEMA = st.dictionaries(
    st.sampled_from(["type", "properties", "items", "enum", "pattern", "minimum", "$ref", "x"]),
    st.sampled_from(["object", "string", "integer", {"a": {"type": "null"}}, "#", -1]) | _VALUE,
    max_size=4,
)
_BODY = st.fixed_dictionaries(
    {
        "model": st.just("tiny") | _VALUE,
        "messages": st.just(ASKED) | st.lists(st.fixed_dictionaries({"role": _VALUE})) | _VALUE,
        "max_tokens": st.just(3),
    },
    optional={
        "response_format": st.fixed_dictionaries(
            {
                "type": st.just("json_schema"),
                "json_schema": st.fixed_dictionaries({"schema": _SCHEMA | _VALUE}),
            }
        )
        | _VALUE,
        **dict.fromkeys(("temperature", "top_p", "n", "seed", "stop", "stream", "x"), _VALUE),
    },
)


@hypothesis.settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(body=_BODY | _VALUE)
def test_any_body_is_answered_or_refused(client: openai.OpenAI, body: Any) -> None:
    answer = post(client, body)
    assert answer.status_code in {200, 400, 404}
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"


def test_serving_needs_none_of_the_extra_until_it_is_asked() -> None:
    heavy = "torch", "transformers", "llguidance", "tokenizers"
    program = f"import sys, ado_service.api.app; print(*({set(heavy)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == []


def test_requests_of_the_asynchronous_client(client: openai.OpenAI) -> None:
    async def gathered() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key="any") as other:
            create = other.chat.completions.create
            calls = [
                create(model="tiny", messages=ASKED, seed=seed, max_tokens=20) for seed in range(4)
            ]
            return await asyncio.gather(*calls)

    answers = asyncio.run(gathered())
    assert len({answer.choices[0].message.content for answer in answers}) == 4
    assert answers[1].choices[0].message.content == ask(client).choices[0].message.content


def test_a_server_with_a_key(tmp_path: Path) -> None:
    hosted = {"tiny": lambda: tiny_engine(tiny_decoder())}
    with serving_models(tmp_path, hosted, api_key="correct-horse") as client:
        with pytest.raises(openai.AuthenticationError):
            ask(client)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        assert ask(client.with_options(api_key="correct-horse"), max_tokens=2)


def test_a_server_without_models(tmp_path: Path) -> None:
    with serving_models(tmp_path, {}) as client:
        assert client.models.list().data == []
        with pytest.raises(openai.NotFoundError, match="ado models add") as refused:
            ask(client)
        assert refused.value.code == "model_not_found"


def test_without_the_extra_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtraError("pip install 'ado-service[local-llm]'")

    monkeypatch.setattr("ado_service.local_llm.hosted_models.require_extra", missing)
    with pytest.raises(LookupError, match=r"pip install 'ado-service\[local-llm\]'"):
        HostedModels().engine("tiny")
    with pytest.raises(MissingExtraError):
        HostedModels({"tiny": lambda: tiny_engine(tiny_decoder())}).engine("tiny")


def test_a_model_is_loaded_once_and_closed_at_the_end() -> None:
    loaded: list[Engine] = []

    def load() -> Engine:
        time.sleep(0.1)
        loaded.append(tiny_engine(tiny_decoder()))
        return loaded[-1]

    models = HostedModels({"tiny": load})
    threads = [threading.Thread(target=models.engine, args=("tiny",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [models.engine("tiny")]
    models.close()
    with pytest.raises(EngineClosed):
        loaded[0].generate(GenerationRequest((5,)))
    with pytest.raises(EngineClosed):
        models.engine("tiny")


def test_shutting_down_ends_generations(tmp_path: Path) -> None:
    gated = Gated()
    failed: list[openai.APIError] = []

    def put(stream: bool) -> None:
        try:
            answer = ask(client, model="m", max_tokens=None, stream=stream)
            list(answer)
        except openai.APIError as error:
            failed.append(error)

    with serving_models(tmp_path, {"m": lambda: tiny_engine(gated)}) as client:
        threads = [threading.Thread(target=put, args=(stream,)) for stream in (True, False)]
        for thread in threads:
            thread.start()
        until(lambda: len(gated.sizes) > 10)
        gated.free.clear()
        threading.Timer(0.5, gated.free.set).start()
        start = time.monotonic()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start < 5
    assert [error.code for error in failed] == ["unavailable", "unavailable"]
