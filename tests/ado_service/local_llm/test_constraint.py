"""Answers that fit a schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ado_service.local_llm.chat_format import plain_tokenizer
from ado_service.local_llm.constraint import ANY_OBJECT, Constraint, ConstraintCompiler
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.generation_error import ConstraintBroken, ConstraintRefused
from ado_service.local_llm.generation_event import Answer, FinishReason, answers
from ado_service.local_llm.generation_request import GenerationRequest
from circuits.loader import load_circuit
from prompts.bounded import bounded
from prompts.parse import parse_answer
from prompts.schema import answer_schema
from tests.ado_service.local_llm.tiny_engine_model import CONTEXT, tiny_decoder, tiny_tokenizer

END = 2
SIZES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "w": {"type": "string", "pattern": r"^[1-9][0-9]?\.[0-9]u$"},
        "fingers": {"type": "integer", "minimum": 1, "maximum": 16},
        "kind": {"enum": ["nmos", "pmos"]},
    },
    "required": ["w", "fingers", "kind"],
    "additionalProperties": False,
}


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.fixture(scope="module")
def compiler() -> ConstraintCompiler:
    return ConstraintCompiler(plain_tokenizer(tiny_tokenizer()), [END])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = Engine(
        tiny_decoder(), tiny_tokenizer(), context=CONTEXT, max_batch=25, max_waiting=100
    )
    yield opened
    opened.close()


def _tokens(text: str) -> list[int]:
    return list(plain_tokenizer(tiny_tokenizer()).encode(text).ids)


def _allowed(constraint: Constraint, size: int = 352) -> set[int]:
    return set(np.flatnonzero(np.isfinite(constraint.masked(np.zeros(size)))).tolist())


def test_only_what_fits_may_come(compiler: ConstraintCompiler) -> None:
    constraint = compiler.compile(SIZES)
    text = '{"w": "2.5u", "fingers": 12, "kind": "nmos"}'
    for token in _tokens(text):
        assert not constraint.complete
        assert token in _allowed(constraint)
        assert END not in _allowed(constraint)
        constraint.accept(token)
    assert constraint.complete


def test_other_white_space_may_not_come(compiler: ConstraintCompiler) -> None:
    constraint = compiler.compile(SIZES)
    (space,) = _tokens(" ")
    (brace,) = _tokens("{")
    assert space not in _allowed(constraint)
    constraint.accept(brace)
    assert space not in _allowed(constraint)


def test_a_fresh_one_knows_nothing_of_the_other(compiler: ConstraintCompiler) -> None:
    first = compiler.compile(SIZES)
    second = first.fresh()
    before = _allowed(second)
    first.accept(_tokens("{")[0])
    assert _allowed(second) == before != _allowed(first)


@pytest.mark.parametrize("size", [100, 340, 352, 1000])
def test_models_may_have_more_or_fewer_logits_than_tokens(
    compiler: ConstraintCompiler, size: int
) -> None:
    allowed = _allowed(compiler.compile(ANY_OBJECT), size)
    assert allowed
    assert max(allowed) < min(size, 340)


def test_nothing_to_choose_from_is_an_error(compiler: ConstraintCompiler) -> None:
    constraint = compiler.compile(SIZES)
    logits = np.zeros(352)
    logits[list(_allowed(constraint))] = -np.inf
    with pytest.raises(ConstraintBroken, match="allows no token"):
        constraint.masked(logits)


def test_what_may_not_come_breaks_it(compiler: ConstraintCompiler) -> None:
    with pytest.raises(ConstraintBroken, match="cannot be kept to"):
        compiler.compile(SIZES).accept(_tokens("]")[0])


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "nonsense"}, "nonsense"),
        ({"type": "object", "if": {}}, "if"),
        ({"$ref": "#/nowhere"}, "nowhere"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum"),
        ({"type": "string", "pattern": "("}, "unclosed group"),
        ({"const": "\ud800"}, "hex escape"),
        (_nested(500), "recursion limit"),
    ],
)
def test_what_cannot_be_enforced_is_refused(
    compiler: ConstraintCompiler, schema: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConstraintRefused, match=problem) as refused:
        compiler.compile(schema)
    assert "cannot be enforced" in str(refused.value)


def test_a_model_without_an_end_cannot_be_held_to_json() -> None:
    endless = ConstraintCompiler(plain_tokenizer(tiny_tokenizer()), [])
    with pytest.raises(ConstraintRefused, match="eos_token"):
        endless.compile(SIZES)


def _asked(engine: Engine, schema: Any, seed: int, n: int, **fields: Any) -> list[Answer]:
    request = GenerationRequest((5, 6, 7), schema=schema, seed=seed, n=n, **fields)
    return answers(engine.generate(request))


def test_a_hundred_sizings_of_a_hundred_are_valid(engine: Engine) -> None:
    circuit = load_circuit("five_transistor_ota")
    schema = bounded(answer_schema(circuit, 1))
    given = [
        answer
        for seed in range(4)
        for answer in _asked(engine, schema, seed, n=25, temperature=1.0)
    ]
    assert len(given) == 100
    for answer in given:
        assert answer.reason is FinishReason.STOP
        read = parse_answer(answer.text, circuit)
        assert (len(read.designs), read.problems) == (1, [])
        values = read.designs[0]
        assert all(one.low <= values[one.name] <= one.high for one in circuit.variables)
    assert len({answer.text for answer in given}) > 90


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0, 2.0])
def test_bounded_sizes_are_always_whole(engine: Engine, temperature: float) -> None:
    validator = Draft202012Validator(SIZES)
    for answer in _asked(engine, SIZES, 1, n=20, temperature=temperature, top_p=0.95):
        assert answer.reason is FinishReason.STOP
        validator.validate(json.loads(answer.text))


def test_any_object_is_one(engine: Engine) -> None:
    given = _asked(engine, ANY_OBJECT, 1, n=20)
    whole = [answer for answer in given if answer.reason is FinishReason.STOP]
    assert whole
    assert all(isinstance(json.loads(answer.text), dict) for answer in whole)


def test_the_longest_answer_cuts_json_off(engine: Engine) -> None:
    (answer,) = _asked(engine, SIZES, 1, n=1, max_tokens=3)
    assert answer.reason is FinishReason.LENGTH
    assert answer.tokens == 3
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
