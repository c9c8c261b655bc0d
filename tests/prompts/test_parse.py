"""Answers in every form that models give them, and in every form that they should not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.units import format_quantity
from prompts.extract import json_values
from prompts.parse import ParsedAnswer, parse_answer
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()
GOOD = {"w1": "12.5u", "r1": "10k", "c1": "1.5p", "m1": "3"}
VALUES = {"w1": 12.5e-6, "r1": 10e3, "c1": 1.5e-12, "m1": 3.0}


def parse(answer: object) -> ParsedAnswer:
    return parse_answer(answer if isinstance(answer, str) else json.dumps(answer), CIRCUIT)


def answer(**changes: object) -> dict[str, Any]:
    return {"reasoning": "why", "designs": [GOOD | changes]}


TEXT = json.dumps(answer())


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"Sure, for {{w1}} and [1]:\n```\n{TEXT}\n```\nNote {{r1}} and [c1].",
        f'<think>draft {{"designs": [{{"w1": "1u"}}]}}</think>\n{TEXT}',
        f"{TEXT}</think>",
        f'{{"designs": []}} no, better: {TEXT}',
        json.dumps({"Designs": GOOD}),
        json.dumps(GOOD),
        json.dumps([GOOD]),
        json.dumps({"designs": [{"parameters": GOOD}]}),
        json.dumps(answer(w1="12.5 um")),
        json.dumps(answer(w1="12.5µm", r1="10 kΩ", c1="1.5pF")),
        json.dumps(answer(w1=1.25e-5, r1=10000, c1=1.5e-12, m1=3)),
        json.dumps(answer(w1="1.25e-5 m", r1="0.01M", m1=" 3 ")),
        json.dumps({"designs": [{" W1 ": "12.5u", "R1": "10k", "C1": "1.5p", "M1": "3"}]}),
        json.dumps({"designs": [GOOD | {"reasoning": "in each design"}]}),
        "\ufeff" + TEXT,
    ],
)
def test_forms_that_are_understood(text: str) -> None:
    parsed = parse(text)
    assert parsed.problems == []
    assert parsed.designs == [VALUES]


def test_several_loose_designs_are_all_read() -> None:
    assert parse(f"{json.dumps(GOOD)}\nand\n{json.dumps(GOOD)}").designs == [VALUES, VALUES]


def test_the_reasoning_is_kept_as_harmless_text() -> None:
    assert (
        parse({"reasoning": "gm\x00\ud800 up\nthen", "designs": [GOOD]}).reasoning == "gm up\nthen"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"w1": 12.5}, "w1: '12.5' means 12.5 m, which is far outside 120nm to 50um"),
        ({"w1": "12.5"}, 'with its SI prefix, such as "25.1u"'),
        ({"w1": "12.5m"}, "w1"),
        ({"w1": 0}, "w1"),
        ({"w1": "-1u"}, "w1"),
        ({"r1": "1T"}, "r1"),
        ({"w1": float("nan")}, "w1"),
        ({"w1": float("inf")}, "w1"),
        ({"w1": 10**400}, "w1"),
        ({"w1": True}, "w1"),
        ({"w1": None}, "null"),
        ({"w1": [1]}, "a list"),
        ({"w1": {}}, "an object"),
        ({"w1": "wide"}, "w1"),
        ({"w1": ""}, "w1"),
        ({"w1": "1" * 100_000}, "too long"),
        ({"w1": "12.5 V"}, "w1"),
        ({"w9": "1u"}, "'w9': no such variable"),
        ({"m1": "1000"}, "m1"),
    ],
)
def test_a_value_that_would_have_to_be_guessed_is_a_problem(
    change: dict[str, object], said: str
) -> None:
    parsed = parse(answer(**change))
    assert parsed.designs == []
    assert len(parsed.problems) == 1
    assert said in parsed.problems[0]
    assert len(parsed.problems[0]) < 400


def test_one_poor_design_does_not_spoil_the_others() -> None:
    parsed = parse({"designs": [GOOD, {"w1": "1u"}, 3, GOOD]})
    assert parsed.designs == [VALUES, VALUES]
    assert parsed.problems[0] == "design 2: r1 is missing; give every variable"
    assert "design 3" in parsed.problems[-1]


def test_values_out_of_range_within_reach_are_handed_on_as_they_are() -> None:
    assert parse(answer(w1="60u", r1="5")).designs == [VALUES | {"w1": 60e-6, "r1": 5.0}]


def test_a_farad_is_no_femto() -> None:
    assert "far outside" in parse(answer(c1="1F")).problems[0]
    assert parse(answer(c1="20f")).designs[0]["c1"] == 20e-15


@pytest.mark.parametrize(
    "text", ["", "no JSON", "{", "[]", "{}", "null", "3", '"designs"', "[[{}]]"]
)
def test_no_designs_is_one_problem(text: str) -> None:
    parsed = parse(text)
    assert parsed.designs == []
    assert len(parsed.problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000_000,
        "{" * 1_000_000,
        "[" * 1_000_000,
        '{"a":' * 190_000,
        '{"a":1,' * 140_000,
        '{"a":"{' * 140_000,
        "[1," * 300_000,
        ('{"k":[1,' + "1," * 200) * 2_400,
        '{"designs":[{"w1":' + "1" * 900_000 + "}]}",
        '{"designs":[' + "{}," * 300_000 + "{}]}",
        '{"designs":' + "[" * 100_000 + "]" * 100_000 + "}",
        "{" + ",".join(f'"v{index}":1' for index in range(60_000)) + ',"w1":"1u"}',
        "</think>" * 120_000,
        '{"a":1}' * 140_000,
    ],
    ids=range(14),
)
def test_hostile_answers_take_little_time(text: str) -> None:
    start = time.perf_counter()
    parsed = parse_answer(text, CIRCUIT)
    assert time.perf_counter() - start < 10
    assert parsed.designs == []
    assert 0 < len(parsed.problems) <= 100
    assert sum(map(len, parsed.problems)) < 20_000


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["designs", "reasoning", "w1", "r1", "c1", "m1", "W1", "x"]), inner
        )
    ),
    max_leaves=20,
)


@given(json_like)
def test_any_json_is_parsed_without_raising(value: object) -> None:
    parsed = parse(json.dumps({"designs": value}))
    assert parsed.designs or parsed.problems or value == []


@given(st.text() | st.text(alphabet='{}[]",:0123456789.eE+-uw1 ', max_size=200))
def test_any_text_is_parsed_without_raising(text: str) -> None:
    parse_answer(text, CIRCUIT)
    json_values(text)


@settings(max_examples=200)
@given(st.lists(st.floats(min_value=0, max_value=1), min_size=4, max_size=4), st.booleans())
def test_rendered_values_come_back_exactly(point: list[float], units: bool) -> None:
    design = CIRCUIT.from_unit(point)
    written = {
        one.name: format_quantity(design[one.name], one.unit if units else "")
        for one in CIRCUIT.variables
    }
    assert parse({"designs": [written]}).designs == [design]
