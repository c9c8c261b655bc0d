"""A model of this process as a caller: repeatable, within its limits, failures as values."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing
from typing import Any

import jsonschema
import pytest
import torch
from structlog.testing import capture_logs

from ado_service.llm.budget import Budget
from ado_service.llm.chat import ChatClosed, ChatFailure, Message, Reply
from ado_service.llm.client import OpenAIChat
from ado_service.llm.endpoints import Endpoints, UnknownProfileError
from ado_service.llm.local_chat import LocalChat, local_profile
from ado_service.llm.profile import LLMProfile
from ado_service.llm.recorded import MemoryLog, RecordedChat
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.errors import ModelFolderError
from ado_service.local_llm.generation_error import QueueFull
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosted_models import HostedModels
from prompts.parse import parse_answer
from prompts.schema import answer_schema
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder, tiny_tokenizer
from tests.prompts.circuit import small_circuit

Logs = list[MutableMapping[str, Any]]
SECRET = "/srv/secret/models"
MESSAGES = [Message("system", "Be brief."), Message("user", "Size it.")]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"w": {"type": "string", "pattern": "^[1-9]{1,40}u$"}},
    "required": ["w"],
    "additionalProperties": False,
}


class Slow(torch.nn.Module):
    """A decoder that takes a while for every token, and can be made to fail.

    It fails with `error` as long as that is set, and once with each of `errors`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.decoder = tiny_decoder()
        self.seconds = 0.0
        self.error: Exception | None = None
        self.errors: list[Exception] = []
        self.steps = 0
        self.most_rows = 0

    def forward(self, input_ids: Any, **inputs: Any) -> Any:
        self.steps += 1
        self.most_rows = max(self.most_rows, len(input_ids))
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        if self.errors:
            raise self.errors.pop(0)
        return self.decoder(input_ids=input_ids, **inputs)


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    """What is logged; nothing is printed, which takes its time where there is a traceback."""
    with capture_logs() as found:
        yield found


@pytest.fixture
def decoder() -> Slow:
    return Slow()


@pytest.fixture
def models(decoder: Slow) -> Iterator[HostedModels]:
    """Models `tiny`, `narrow`, where only one request may wait, and two that cannot be loaded."""

    def engine(max_batch: int, max_waiting: int) -> Engine:
        limits = {"max_batch": max_batch, "max_waiting": max_waiting}
        return Engine(decoder, tiny_tokenizer(), context=CONTEXT, **limits)

    def broken() -> Engine:
        raise ModelFolderError(f"{SECRET} is gone; put it back")

    def unforeseen() -> Engine:
        raise OSError(5, "Input/output error", SECRET)

    made = HostedModels(
        {
            "tiny": lambda: engine(4, 4),
            "narrow": lambda: engine(1, 1),
            "broken": broken,
            "unforeseen": unforeseen,
        }
    )
    with closing(made):
        yield made


def chat(models: HostedModels, name: str = "tiny", **fields: Any) -> LocalChat:
    profile = local_profile(name).model_dump() | fields
    return LocalChat(LLMProfile.model_validate(profile), models)


def test_the_same_is_said_again_and_other_things_for_other_reasons(models: HostedModels) -> None:
    tiny = chat(models)
    first = tiny.call(MESSAGES, SCHEMA, "1/0")
    assert first.failure is None
    jsonschema.validate(json.loads(first.text), SCHEMA)
    again = tiny.call(MESSAGES, SCHEMA, "1/0")
    other_turn = tiny.call(MESSAGES, SCHEMA, "1/1")
    other_words = tiny.call([*MESSAGES[:1], Message("user", "Size it!")], SCHEMA, "1/0")
    assert again.text == first.text
    assert len({first.text, other_turn.text, other_words.text}) == 3


def test_what_it_used_is_counted(models: HostedModels) -> None:
    usage = chat(models, price_prompt=1e6, price_completion=2e6).call(MESSAGES, SCHEMA).usage
    assert usage.calls == 1
    assert usage.prompt_tokens > 10
    assert 5 < usage.completion_tokens < 60
    assert usage.cost == usage.prompt_tokens + 2 * usage.completion_tokens
    assert usage.seconds > 0


def test_the_temperature_of_the_profile_is_kept(models: HostedModels) -> None:
    assert local_profile("tiny").temperature == 0.7
    cold = [chat(models, temperature=0).call(MESSAGES, SCHEMA, draw).text for draw in "abc"]
    assert len(set(cold)) == 1


def test_an_answer_with_designs_is_held_to_their_number_and_ranges(models: HostedModels) -> None:
    circuit = small_circuit()
    asked = answer_schema(circuit, 3)
    reply = chat(models, max_tokens=900, temperature=1.5).call(SHORT, asked)
    read = parse_answer(reply.text, circuit)
    assert (len(read.designs), read.problems) == (3, [])
    for design in read.designs:
        assert all(one.low <= design[one.name] <= one.high for one in circuit.variables)


@pytest.mark.parametrize("mode", ["object", "none"])
def test_json_may_be_held_less_strictly(models: HostedModels, mode: str) -> None:
    reply = chat(models, json_mode=mode, max_tokens=200).call(MESSAGES, SCHEMA, "4")
    if mode == "none" and reply.failure is None:
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.text)
    else:
        assert reply.failure is ChatFailure.TRUNCATED or isinstance(json.loads(reply.text), dict)


SHORT = [Message("user", "?")]
LENGTHY: dict[str, Any] = {"type": "string", "pattern": "^[a-z]{40}$"}
LONG = [Message("user", "x" * 2 * CONTEXT)]
NONSENSE: dict[str, Any] = {"type": "nonsense"}
FAILURES: dict[str, tuple[str, dict[str, Any], list[Message], Any, ChatFailure, str]] = {
    "unknown": ("none", {}, MESSAGES, SCHEMA, ChatFailure.REFUSED, "no model 'none'"),
    "not loaded": ("broken", {}, MESSAGES, SCHEMA, ChatFailure.REFUSED, "log says why"),
    "disk": ("unforeseen", {}, MESSAGES, SCHEMA, ChatFailure.REFUSED, "log says why"),
    "too long": ("tiny", {}, LONG, SCHEMA, ChatFailure.REFUSED, "maximum context"),
    "schema": ("tiny", {}, MESSAGES, NONSENSE, ChatFailure.REFUSED, "cannot be enforced"),
    "cut": ("tiny", {"max_tokens": 16}, MESSAGES, {"type": "string", "minLength": 99},
            ChatFailure.TRUNCATED, "raise max_tokens"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_named(models: HostedModels, case: str) -> None:
    name, fields, messages, schema, failure, detail = FAILURES[case]
    reply = chat(models, name, **fields).call(messages, schema)
    assert reply.failure is failure
    assert detail in reply.detail
    assert reply.text == ""


@pytest.mark.parametrize("name", ["broken", "unforeseen"])
def test_where_a_model_lies_is_for_the_log(models: HostedModels, logs: Logs, name: str) -> None:
    reply = chat(models, name).call(MESSAGES, SCHEMA)
    assert SECRET not in reply.detail
    [entry] = [one for one in logs if one["event"] == "model_not_loaded"]
    assert (entry["model"], entry["log_level"]) == (name, "error")
    assert SECRET in entry["detail"]


def test_a_model_that_fails_is_a_server_error(
    models: HostedModels, decoder: Slow, logs: Logs
) -> None:
    decoder.error = RuntimeError(f"no kernel in {SECRET}")
    reply = chat(models, retries=0).call(MESSAGES, SCHEMA)
    assert (reply.failure, reply.usage.calls) == (ChatFailure.SERVER_ERROR, 1)
    assert SECRET not in reply.detail
    assert "log says more" in reply.detail
    assert [one["exc_info"] for one in logs if one["event"] == "decoder_failed"] == [decoder.error]
    decoder.error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
    assert "memory ran out" in chat(models, retries=0).call(MESSAGES, SCHEMA).detail
    decoder.error = None
    assert chat(models).call(MESSAGES, SCHEMA).failure is None


def test_an_answer_that_takes_too_long_is_given_up(models: HostedModels, decoder: Slow) -> None:
    models.engine("tiny")
    decoder.seconds = 0.05
    reply = chat(models, timeout=0.2).call(MESSAGES, SCHEMA)
    assert reply.failure is ChatFailure.TIMEOUT
    assert "raise timeout" in reply.detail
    time.sleep(0.2)  # for the step under way
    steps = decoder.steps
    time.sleep(0.2)
    assert decoder.steps == steps, "nobody waits for it, so that it ends"


def test_a_full_queue_is_waited_for_within_the_turn(models: HostedModels, decoder: Slow) -> None:
    models.engine("narrow")
    decoder.seconds = 0.02
    replies: list[Reply] = []
    patient = chat(models, "narrow", timeout=20)

    def ask(draw: str) -> None:
        replies.append(patient.call(MESSAGES, SCHEMA, draw))

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    hurried = chat(models, "narrow", timeout=0.5, turn_timeout=0.5).call(MESSAGES, SCHEMA)
    for thread in threads:
        thread.join()
    assert hurried.failure in {ChatFailure.RATE_LIMITED, ChatFailure.TIMEOUT}
    assert [reply.failure for reply in replies] == [None] * 3


CABLE = RuntimeError("a cable")


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_what_failed_is_tried_again_as_often_as_the_profile_says(
    models: HostedModels, decoder: Slow, retries: int
) -> None:
    undisturbed = chat(models).call(MESSAGES, SCHEMA)
    decoder.errors = [CABLE, torch.OutOfMemoryError()]
    reply = chat(models, retries=retries).call(MESSAGES, SCHEMA)
    assert reply.usage.calls == retries + 1
    if retries == 2:
        assert reply.text == undisturbed.text
    else:
        assert reply.failure is ChatFailure.SERVER_ERROR


def test_nothing_is_tried_again_beyond_the_turn(models: HostedModels, decoder: Slow) -> None:
    decoder.error = CABLE
    reply = chat(models, timeout=0.6, turn_timeout=0.6, retries=10).call(MESSAGES, SCHEMA)
    assert reply.failure is ChatFailure.SERVER_ERROR
    assert reply.usage.calls in {2, 3}, "the waits between them grow"
    assert reply.usage.seconds < 1


def test_what_would_fail_again_is_not_tried_again(models: HostedModels, decoder: Slow) -> None:
    assert chat(models).call(LONG, SCHEMA).usage.calls <= 1
    for weights in decoder.parameters():
        weights.data.fill_(float("nan"))
    reply = chat(models).call(MESSAGES, SCHEMA)
    assert (reply.failure, reply.usage.calls) == (ChatFailure.SERVER_ERROR, 1)
    assert "no numbers" in reply.detail


def test_a_full_queue_is_tried_again_as_often_as_the_profile_says(
    models: HostedModels, decoder: Slow
) -> None:
    engine = models.engine("narrow")
    decoder.seconds = 0.02
    patient = chat(models, "narrow", timeout=20)
    threads = [threading.Thread(target=patient.call, args=(MESSAGES, SCHEMA, d)) for d in "ab"]
    for thread in threads:
        thread.start()
    until(lambda: engine_is_full(engine))
    reply = chat(models, "narrow", timeout=20, retries=0).call(MESSAGES, SCHEMA)
    for thread in threads:
        thread.join()
    assert (reply.failure, reply.usage.calls) == (ChatFailure.RATE_LIMITED, 1)


def engine_is_full(engine: Engine) -> bool:
    try:
        engine.submit(GenerationRequest((5,), max_tokens=1), lambda _: None).cancel()
    except QueueFull:
        return True
    return False


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 2)])
def test_no_more_requests_at_a_time_than_the_profile_says(
    models: HostedModels, decoder: Slow, concurrency: int, most: int
) -> None:
    models.engine("tiny")
    decoder.seconds = 0.01
    limited = chat(models, concurrency=concurrency)
    replies: list[Reply] = []

    def ask(draw: str) -> None:
        replies.append(limited.call(MESSAGES, LENGTHY, draw))

    threads = [threading.Thread(target=ask, args=(draw,)) for draw in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.failure for reply in replies] == [None] * 3
    assert decoder.most_rows == most


def test_a_turn_waits_no_longer_than_it_may_for_the_profile(
    models: HostedModels, decoder: Slow
) -> None:
    models.engine("tiny")
    decoder.seconds = 0.02
    one = chat(models, concurrency=1, timeout=0.3, turn_timeout=0.3)
    first = threading.Thread(target=one.call, args=(MESSAGES, LENGTHY))
    first.start()
    until(lambda: decoder.steps > 1)
    hasty = one.call(MESSAGES, LENGTHY)
    first.join()
    assert hasty.failure is ChatFailure.TIMEOUT
    assert hasty.usage.seconds < 1


def test_who_waits_to_try_again_does_not_hold_a_shutdown_up(
    models: HostedModels, decoder: Slow
) -> None:
    models.engine("tiny")
    decoder.error = CABLE
    steps = decoder.steps
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            chat(models, timeout=60, retries=10).call(MESSAGES, SCHEMA)
        except ChatClosed as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: decoder.steps >= steps + 4)  # the wait after it is of 2 to 4 s
    start = time.monotonic()
    models.stop()
    thread.join(20)
    assert len(failed) == 1
    assert time.monotonic() - start < 0.5


def test_a_process_that_shuts_down_puts_nothing_on_record(
    models: HostedModels, decoder: Slow
) -> None:
    models.engine("tiny")
    decoder.seconds = 0.05
    log = MemoryLog()
    threading.Timer(0.3, models.stop).start()
    with pytest.raises(ChatClosed):
        RecordedChat(chat(models), log).complete(0, MESSAGES, SCHEMA)
    with pytest.raises(ChatClosed):
        RecordedChat(chat(models, "narrow"), log).complete(1, MESSAGES, SCHEMA)
    assert log.turns == {}


def test_a_job_has_its_own_draws_and_its_budget(models: HostedModels) -> None:
    def first(seed: int, turn: int = 0) -> str:
        recorded = RecordedChat(chat(models), MemoryLog(), seed=seed)
        return recorded.complete(turn, MESSAGES, SCHEMA).text

    assert first(1) == first(1)
    assert len({first(1), first(2), first(1, turn=10)}) == 3
    limited = chat(models, max_calls=2)
    recorded = RecordedChat(limited, MemoryLog(), Budget.of(limited.profile))
    failures = [recorded.complete(turn, MESSAGES, SCHEMA).failure for turn in range(3)]
    assert failures == [None, None, ChatFailure.BUDGET]


def test_models_stand_beside_profiles_which_go_first(models: HostedModels) -> None:
    remote = LLMProfile(base_url="http://127.0.0.1:1/v1", model="far")
    warm = LLMProfile(base_url="local", model="tiny", temperature=1.5, max_tokens=50)
    endpoints = Endpoints({"narrow": remote, "warm": warm}, models)
    assert endpoints.names == ["broken", "narrow", "tiny", "unforeseen", "warm"]
    assert isinstance(endpoints.caller("narrow"), OpenAIChat)
    assert endpoints.caller("warm").profile is warm
    assert endpoints.caller("tiny").profile == local_profile("tiny")
    for name in ("warm", "tiny"):
        assert endpoints.caller(name).call(MESSAGES, SCHEMA).failure is None
        assert endpoints.caller(name) is endpoints.caller(name), "its limits hold over all jobs"
    known = "known are: broken, narrow, tiny, unforeseen, warm"
    with pytest.raises(UnknownProfileError, match=known):
        endpoints.caller("nobody")
