"""Generation in batches: who shares what with whom, and what ends what."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from ado_service.local_llm.chat_format import ChatFormat
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.generation_error import (
    ConstraintRefused,
    DecoderFailed,
    EngineClosed,
    GenerationError,
    NonFiniteLogits,
    PromptRefused,
    PromptTooLong,
    QueueFull,
)
from ado_service.local_llm.generation_event import (
    Answer,
    AnswerEnd,
    Failure,
    FinishReason,
    GenerationEvent,
    TextPiece,
    answers,
)
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.pace import Pace
from ado_service.local_llm.side.qst_model import QSTModel
from ado_service.local_llm.side.side_config import SideSettings
from ado_service.local_llm.side.side_network import SideNetwork
from ado_service.local_llm.stop_text import StopText
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder, tiny_tokenizer
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model, make_tokenizer

PROMPT = (5, 80, 90)


class Watched(torch.nn.Module):
    """A decoder that counts its forward passes and can be held up, fail or give nonsense."""

    def __init__(self, decoder: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.decoder = tiny_decoder() if decoder is None else decoder
        self.sizes: list[tuple[int, int]] = []
        self.free = threading.Event()
        self.free.set()
        self.error: Exception | None = None
        self.spoilt_rows: Callable[[Any], Any] = lambda ids: torch.zeros(len(ids), dtype=bool)

    def forward(self, input_ids: Any, **arguments: Any) -> Any:
        assert self.free.wait(20)
        self.sizes.append(tuple(input_ids.shape))
        if self.error is not None:
            raise self.error
        output = self.decoder(input_ids=input_ids, **arguments)
        output.logits[self.spoilt_rows(input_ids)] = float("nan")
        return output


@contextmanager
def _running(
    decoder: torch.nn.Module | None = None, tokenizer: Any = None, **fields: Any
) -> Iterator[Engine]:
    fields = {"context": CONTEXT, "max_batch": 4, "max_waiting": 20, **fields}
    decoder = tiny_decoder() if decoder is None else decoder
    engine = Engine(decoder, tokenizer or tiny_tokenizer(), **fields)
    try:
        yield engine
    finally:
        if isinstance(decoder, Watched):
            decoder.free.set()
        engine.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with _running() as opened:
        yield opened


def _ask(engine: Engine, *, prompt: tuple[int, ...] = PROMPT, **fields: Any) -> list[Answer]:
    return answers(engine.generate(GenerationRequest(prompt, **fields)))


def _likeliest(decoder: Any, count: int, *, known: int = 340) -> list[int]:
    """The likeliest tokens behind `PROMPT`, without any cache or batch."""
    tokens = list(PROMPT)
    with torch.inference_mode():
        for _ in range(count):
            logits = decoder(input_ids=torch.tensor([tokens])).logits[0, -1, :known]
            tokens.append(int(logits.argmax()))
            if tokens[-1] == 2:
                break
    return tokens[len(PROMPT) :]


def _text(tokens: list[int], tokenizer: Any = None) -> str:
    # What an answer breaks off in the middle of a character is not part of its text.
    text = (tokenizer or tiny_tokenizer()).decode(tokens, skip_special_tokens=True)
    return str(text).rstrip("\ufffd")


def _decoder(kind: str) -> Any:
    """A random model of a family; with `+side` one with a side network that has a say."""
    family, _, side = kind.partition("+")
    backbone = make_model(family)
    if not side:
        return backbone
    network = SideNetwork.create(backbone, SideSettings(reduction=4, rank=4, dtype="float32"))
    torch.nn.init.constant_(network.alpha, 0.5)
    return QSTModel(backbone, network)


_KINDS = [*FAMILIES, "llama+side", "mistral+side", "opt+side"]


@pytest.mark.parametrize("kind", _KINDS)
def test_a_batch_gives_what_each_gets_alone(kind: str) -> None:
    with _running(_decoder(kind), make_tokenizer(), context=200, max_batch=6) as engine:
        requests = [
            GenerationRequest(tuple(range(3, 3 + size)), seed=size, n=n, max_tokens=most)
            for size, n, most in [(1, 1, 30), (40, 2, 9), (12, 3, 40), (90, 1, 25), (7, 2, 12)]
        ]
        alone = [answers(engine.generate(request)) for request in requests]
        under_way = [engine.generate(request) for request in requests]
        assert [answers(events) for events in under_way] == alone
    texts = [answer.text for given in alone for answer in given]
    assert len(set(texts)) > len(texts) // 2  # or this would show nothing


@pytest.mark.parametrize("kind", _KINDS)
def test_the_cached_answer_is_the_one_without_a_cache(kind: str) -> None:
    decoder, tokenizer = _decoder(kind), make_tokenizer()
    with _running(decoder, tokenizer, context=200) as engine:
        (other, mine) = (
            engine.generate(GenerationRequest(prompt, max_tokens=16, temperature=0))
            for prompt in [(7,) * 50, PROMPT]
        )
        (answer,) = answers(mine)
        answers(other)
    expected = _likeliest(decoder, 16, known=len(tokenizer))
    assert answer.text == _text(expected, tokenizer)
    assert answer.tokens == len(expected)


def test_requests_share_forward_passes() -> None:
    decoder = Watched()
    decoder.free.clear()
    with _running(decoder) as engine:
        two = [
            engine.generate(GenerationRequest(PROMPT, seed=seed, max_tokens=20, stop=("never",)))
            for seed in (1, 2)
        ]
        decoder.free.set()
        given = [answers(events)[0] for events in two]
    longest = max(answer.tokens for answer in given)
    assert min(answer.tokens for answer in given) > 5
    prompts, steps = decoder.sizes[:2], decoder.sizes[2:]
    assert prompts == [(1, 3), (1, 3)]
    assert len(steps) == longest - 1  # the prompt gives the first token
    assert steps[:5] == [(2, 1)] * 5


def test_answers_to_one_prompt_read_it_once() -> None:
    decoder = Watched()
    with _running(decoder) as engine:
        given = _ask(engine, n=3, seed=1, max_tokens=10)
    assert decoder.sizes[0] == (1, 3)
    assert [size for size in decoder.sizes if size[1] == 3] == [(1, 3)]
    assert len({answer.text for answer in given}) == 3


def test_more_answers_than_rows_take_turns() -> None:
    decoder = Watched()
    with _running(decoder, max_batch=2) as engine:
        given = _ask(engine, n=5, seed=1, max_tokens=8)
    assert len(given) == 5
    assert max(rows for rows, _ in decoder.sizes) == 2
    with _running(max_batch=5) as engine:
        assert _ask(engine, n=5, seed=1, max_tokens=8) == given


def test_a_request_joins_a_running_batch() -> None:
    decoder = Watched()
    with _running(decoder) as engine:
        long = engine.generate(GenerationRequest(PROMPT, seed=3, max_tokens=900))
        next(long)
        (short,) = _ask(engine, seed=4, max_tokens=3)
        assert short.tokens <= 3
        assert (2, 1) in decoder.sizes
        long.close()  # type: ignore[attr-defined]


def test_a_seed_repeats_an_answer(engine: Engine) -> None:
    assert _ask(engine, seed=11, max_tokens=20) == _ask(engine, seed=11, max_tokens=20)
    several = {_ask(engine, seed=seed, max_tokens=20)[0].text for seed in range(8)}
    unseeded = {_ask(engine, max_tokens=20)[0].text for _ in range(8)}
    assert len(several) > 4
    assert len(unseeded) > 4


def test_pieces_make_the_answer(engine: Engine) -> None:
    request = GenerationRequest(PROMPT, seed=2, max_tokens=30, n=2)
    events = list(engine.generate(request))
    assert [event.final for event in events] == [False] * (len(events) - 1) + [True]
    for index, answer in enumerate(answers(iter(events))):
        pieces = [e.text for e in events if isinstance(e, TextPiece) and e.index == index]
        assert len(pieces) > 5
        assert "".join(pieces) == answer.text


def test_the_longest_answer(engine: Engine) -> None:
    (answer,) = _ask(engine, temperature=0, max_tokens=7)
    assert (answer.tokens, answer.reason) == (7, FinishReason.LENGTH)
    with _running(context=20) as narrow:
        (answer,) = _ask(narrow, temperature=0)
        assert (answer.tokens, answer.reason) == (17, FinishReason.LENGTH)
        (answer,) = _ask(narrow, temperature=0, max_tokens=1000)
        assert answer.tokens == 17


def test_an_end_token_ends_an_answer() -> None:
    tokens = _likeliest(tiny_decoder(), 12)
    end = tokens[6]
    with _running(end_tokens=[end]) as engine:
        (answer,) = _ask(engine, temperature=0)
    assert answer.reason is FinishReason.STOP
    assert answer.tokens == tokens.index(end) + 1
    assert answer.text == _text(tokens[: tokens.index(end)])


def test_a_stop_ends_an_answer_across_tokens(engine: Engine) -> None:
    (whole,) = _ask(engine, seed=5, max_tokens=40)
    stop = whole.text[6:10]
    (cut,) = _ask(engine, seed=5, max_tokens=40, stop=("never to be seen", stop))
    assert cut.reason is FinishReason.STOP
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.tokens < whole.tokens


@pytest.mark.parametrize("size", [CONTEXT, CONTEXT + 10])
def test_a_prompt_without_room_for_an_answer(engine: Engine, size: int) -> None:
    with pytest.raises(PromptTooLong) as refused:
        engine.generate(GenerationRequest((5,) * size))
    assert str(CONTEXT) in str(refused.value)
    assert str(size) in str(refused.value)
    assert _ask(engine, prompt=(5,) * (CONTEXT - 1))[0].tokens == 1


def test_a_bad_schema_is_refused_at_once(engine: Engine) -> None:
    with pytest.raises(ConstraintRefused):
        engine.generate(GenerationRequest(PROMPT, schema={"type": "nonsense"}))


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_queue_says_when_to_come_back() -> None:
    decoder = Watched()
    with _running(decoder, max_batch=1, max_waiting=2) as engine:
        decoder.free.clear()
        request = GenerationRequest(PROMPT, seed=1, max_tokens=5)
        under_way = [engine.generate(request)]
        # Until it has a row, its place in the queue is one that is free.
        under_way += [engine.generate(request), engine.generate(request)]
        with pytest.raises(QueueFull) as refused:
            engine.generate(request)
        assert 1 <= refused.value.retry_after < 100
        decoder.free.set()
        assert len({answers(events)[0] for events in under_way}) == 1
        assert _ask(engine, seed=1, max_tokens=5)


def test_a_cancelled_request_gives_its_row_and_its_place_back() -> None:
    decoder = Watched()
    events: list[GenerationEvent] = []
    with _running(decoder, max_batch=1, max_waiting=1) as engine:
        running = engine.submit(GenerationRequest(PROMPT, seed=1), events.append)
        _until(lambda: len(decoder.sizes) > 3)
        decoder.free.clear()
        waiting = engine.submit(GenerationRequest(PROMPT, seed=1), events.append)
        waiting.cancel()
        third = engine.generate(GenerationRequest(PROMPT, seed=2, max_tokens=4))
        running.cancel()
        seen = len(events)
        decoder.free.set()
        assert answers(third)
        assert decoder.sizes[-1][0] == 1
        assert len(events) == seen
        assert running.over
        assert waiting.over


def test_who_stops_listening_cancels() -> None:
    decoder = Watched()
    with _running(decoder) as engine:
        events = engine.generate(GenerationRequest(PROMPT, seed=1))
        next(events)
        events.close()  # type: ignore[attr-defined]
        _ask(engine, seed=2, max_tokens=10)
        time.sleep(0.05)
        steps = len(decoder.sizes)
        time.sleep(0.1)
        assert len(decoder.sizes) == steps


def test_a_listener_at_fault_harms_nobody_else(engine: Engine) -> None:
    def fail(_event: GenerationEvent) -> None:
        raise RuntimeError("a listener at fault")

    generation = engine.submit(GenerationRequest(PROMPT, seed=1), fail)
    assert _ask(engine, seed=1, max_tokens=5)
    _until(lambda: generation.over)


def test_logits_that_are_no_numbers_end_their_request_alone() -> None:
    decoder = Watched()
    decoder.spoilt_rows = lambda ids: (ids == 77).any(-1)
    with _running(decoder) as engine:
        good = engine.generate(GenerationRequest(PROMPT, temperature=0, max_tokens=200))
        bad = engine.generate(GenerationRequest((5, 77), temperature=0, max_tokens=200))
        with pytest.raises(NonFiniteLogits, match="no numbers"):
            answers(bad)
        assert answers(good)[0].tokens > 1


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("a cable"), "RuntimeError: a cable"), (torch.OutOfMemoryError(), "memory")],
)
def test_a_decoder_that_fails_fails_what_runs_and_goes_on(error: Exception, said: str) -> None:
    decoder = Watched()
    with _running(decoder) as engine:
        running = engine.generate(GenerationRequest(PROMPT, seed=1))
        next(running)
        decoder.error = error
        with pytest.raises(DecoderFailed, match=said):
            answers(running)
        with pytest.raises(DecoderFailed, match=said):  # while it reads a prompt
            _ask(engine)
        decoder.error = None
        assert _ask(engine, seed=1, max_tokens=5)


def test_another_decoder_takes_over_between_batches() -> None:
    first, second = tiny_decoder(1), tiny_decoder(2)
    fields: dict[str, Any] = {"temperature": 0.0, "max_tokens": 30}
    with _running(first) as engine:
        by_first = _ask(engine, **fields)
        running = engine.generate(GenerationRequest(PROMPT, **fields))
        first_event = next(running)
        engine.swap(second)
        by_second = _ask(engine, **fields)
        assert answers(iter([first_event, *running])) == by_first
        engine.swap(first)
        assert _ask(engine, **fields) == by_first
    assert by_first != by_second


def test_swaps_at_the_same_time_all_come_to_an_end() -> None:
    decoders = [tiny_decoder(seed) for seed in range(3)]
    with _running() as engine:
        running = engine.generate(GenerationRequest(PROMPT, seed=1, max_tokens=200))
        next(running)
        threads = [threading.Thread(target=engine.swap, args=(one,)) for one in decoders]
        for thread in threads:
            thread.start()
        answers(running)
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        assert _ask(engine, max_tokens=3)


def test_closing_fails_what_is_left() -> None:
    decoder = Watched()
    with _running(decoder, max_batch=1) as engine:
        running = engine.generate(GenerationRequest(PROMPT, seed=1))
        next(running)
        decoder.free.clear()
        waiting = engine.generate(GenerationRequest(PROMPT, seed=1))
        engine.stop()
        decoder.free.set()
        engine.close()
        for events in (running, waiting):
            with pytest.raises(EngineClosed):
                answers(events)
        with pytest.raises(EngineClosed):
            engine.generate(GenerationRequest(PROMPT))
        with pytest.raises(EngineClosed):
            engine.swap(tiny_decoder())
        engine.close()


def test_other_threads_keep_their_number_of_threads() -> None:
    before = torch.get_num_threads()
    with _running(threads=before + 1) as engine:
        _ask(engine, max_tokens=2)
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("field", ["context", "max_batch", "max_waiting", "threads"])
def test_an_engine_needs_some_of_everything(field: str) -> None:
    sizes = {"context": 9, "max_batch": 1, "max_waiting": 1, "threads": 1, field: 0}
    with pytest.raises(ValueError, match="1 or more"):
        Engine(tiny_decoder(), tiny_tokenizer(), **sizes)


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt", ()), ("max_tokens", 0), ("temperature", -1.0), ("temperature", float("nan")),
     ("top_p", 0.0), ("top_p", 1.1), ("n", 0), ("n", 129), ("stop", ("",))],
)  # fmt: skip
def test_requests_out_of_range_are_refused(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"prompt": PROMPT, field: value}
    with pytest.raises(ValueError, match=f"^{field}: "):
        GenerationRequest(**fields)


def test_a_template_writes_the_prompt() -> None:
    tokenizer = tiny_tokenizer()
    tokens = ChatFormat(tokenizer).tokens([ChatMessage("user", "w1?"), ChatMessage("system", "ä")])
    assert tokenizer.decode(tokens) == "<s>user\nw1?<s>system\nä<s>assistant:"


def test_without_a_template_the_prompt_is_a_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tiny_tokenizer()
    monkeypatch.setattr(tokenizer, "chat_template", None)
    tokens = ChatFormat(tokenizer).tokens([ChatMessage("user", "w1?")])
    assert tokenizer.decode(tokens) == "user: w1?\n\nassistant:"


def test_a_template_may_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tiny_tokenizer()
    refusing = "{{ raise_exception('no system message here') }}"
    monkeypatch.setattr(tokenizer, "chat_template", refusing)
    with pytest.raises(PromptRefused, match="no system message here"):
        ChatFormat(tokenizer).tokens([ChatMessage("system", "x")])


def test_an_answer_that_cannot_be_put_together_ends_its_request_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    push = StopText.push

    def fail(self: StopText, text: str) -> tuple[str, bool]:
        if self._stops == ("spoilt",):
            raise ValueError("no such token")
        return push(self, text)

    monkeypatch.setattr(StopText, "push", fail)
    with _running() as engine:
        good = engine.generate(GenerationRequest(PROMPT, temperature=0, max_tokens=100))
        bad = engine.generate(GenerationRequest(PROMPT, temperature=0, stop=("spoilt",)))
        with pytest.raises(GenerationError, match="the log says more"):
            answers(bad)
        assert answers(good)[0].tokens == 100


def test_answers_raise_the_failure() -> None:
    events = [TextPiece(0, "a"), Failure(EngineClosed("closed"))]
    with pytest.raises(EngineClosed, match="closed"):
        answers(events)
    ended = [AnswerEnd(1, FinishReason.STOP, 2, final=False), TextPiece(0, "a")]
    ended.append(AnswerEnd(0, FinishReason.LENGTH, 1, final=True))
    assert answers(ended) == [
        Answer("a", FinishReason.LENGTH, 1),
        Answer("", FinishReason.STOP, 2),
    ]


def test_the_pace_follows_what_was_seen() -> None:
    pace = Pace()
    assert pace.until_next(1) == 5
    for _ in range(30):
        pace.note(12.0)
    assert pace.until_next(1) == pytest.approx(12)
    assert pace.until_next(4) == pytest.approx(3)
    assert pace.until_next(100) == 1
    pace.note(0.0)
    assert pace.until_next(0) == pytest.approx(9.6)


def test_the_cache_is_no_wider_than_the_longest_row(monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    decoder = tiny_decoder()
    forward = type(decoder).forward

    def spy(self: Any, *, past_key_values: DynamicCache, **arguments: Any) -> Any:
        widths.append(past_key_values.get_seq_length())
        return forward(self, past_key_values=past_key_values, **arguments)

    monkeypatch.setattr(type(decoder), "forward", spy)
    with _running(decoder) as engine:
        short = engine.generate(GenerationRequest(PROMPT, seed=1, max_tokens=60))
        next(short)
        _ask(engine, prompt=(9,) * 500, max_tokens=5)
        answers(short)
    assert max(widths) > 500
    assert widths[-1] < 70
