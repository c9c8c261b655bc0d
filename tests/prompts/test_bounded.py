"""Answers that can be used as they stand: the bounded schema and its number patterns."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.loader import library_names, load_circuit
from circuits.units import format_quantity, parse_quantity, rounded
from circuits.variable import Scale, Variable
from prompts.bounded import bounded
from prompts.parse import parse_answer
from prompts.quantity_pattern import quantity_pattern
from prompts.schema import answer_schema
from tests.prompts.circuit import small_circuit

DESIGN = {"w1": "12.5u", "r1": "10k", "c1": "1p", "m1": "2"}
_ENDS = st.floats(1e-17, 1e13) | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 999.9995, 1e-3])


@st.composite
def _variables(draw: st.DrawFn) -> Variable:
    low, high = sorted(draw(st.tuples(_ENDS, _ENDS).filter(lambda ends: ends[0] < ends[1])))
    return Variable(name="x", unit=draw(st.sampled_from(["m", "F", "", "Ohm"])), low=low, high=high)


_PREFIXES = ["a", "f", "p", "n", "u", "m", "", "k", "meg", "g", "t"]
_NUMBERS = st.builds(
    lambda sign, whole, part, prefix: f"{sign}{whole}{part and f'.{part}'}{prefix}",
    st.sampled_from(["", "-"]),
    st.integers(0, 1001),
    st.from_regex(r"[0-9]{0,4}", fullmatch=True),
    st.sampled_from(_PREFIXES),
)


@given(variable=_variables(), texts=st.lists(_NUMBERS, min_size=1), shift=st.integers(-2, 2))
def test_every_match_is_a_value_in_range(variable: Variable, texts: list[str], shift: int) -> None:
    pattern = re.compile(quantity_pattern(variable))
    near = [format_quantity(rounded(end, 6) * (1 + shift / 1000)) for end in _ends(variable)]
    for text in [*texts, *near]:
        if pattern.fullmatch(text):
            value = parse_quantity(text, variable.unit, mega_m=True)
            assert variable.low <= value <= variable.high, text


def _ends(variable: Variable) -> tuple[float, float]:
    return variable.low, variable.high


@pytest.mark.parametrize("name", library_names())
def test_every_size_of_three_digits_matches(name: str) -> None:
    for variable in load_circuit(name).variables:
        pattern = re.compile(quantity_pattern(variable))
        for step in range(101):
            value = rounded(variable.from_unit(step / 100), 3)
            inside = variable.low <= value <= variable.high
            text = format_quantity(value)
            assert bool(pattern.fullmatch(text)) is inside, (variable, text)


@pytest.mark.parametrize(
    ("low", "high", "fits", "not_"),
    [
        (1, 8, ["1", "8"], ["0", "9", "1.5", "10", "-1"]),
        (0, 120, ["0", "7", "99", "120"], ["121", "00", "1k"]),
        (-3, 12, ["-3", "-1", "0", "12"], ["-4", "13", "-0"]),
    ],
)
def test_counts_are_whole(low: int, high: int, fits: list[str], not_: list[str]) -> None:
    variable = Variable(name="m", low=low, high=high, scale=Scale.INTEGER)
    pattern = re.compile(quantity_pattern(variable))
    assert [text for text in [*fits, *not_] if pattern.fullmatch(text)] == fits


def test_a_range_that_three_decimals_miss_has_its_ends() -> None:
    variable = Variable(name="x", low=1.00001, high=1.00002)
    pattern = re.compile(quantity_pattern(variable))
    assert pattern.fullmatch("1.00001")
    assert pattern.fullmatch("1.00002")
    assert not pattern.fullmatch("1.00003")


def _fits(answer: Any, count: int) -> bool:
    circuit = small_circuit()
    schema = bounded(answer_schema(circuit, count))
    return jsonschema.Draft202012Validator(schema).is_valid(answer)


def test_it_asks_for_as_many_designs_as_the_schema_names() -> None:
    for count in (1, 2, 12):
        for given_ in (count - 1, count, count + 1):
            answer = {"reasoning": "r", "designs": [DESIGN] * given_}
            assert _fits(answer, count) is (given_ == count)


@pytest.mark.parametrize(
    "wrong", [{"w1": "12.5"}, {"w1": "51u"}, {"w1": "100n"}, {"m1": "9"}, {"r1": "ten"}]
)
def test_sizes_out_of_range_do_not_fit(wrong: dict[str, str]) -> None:
    assert _fits({"reasoning": "r", "designs": [DESIGN]}, 1)
    assert not _fits({"reasoning": "r", "designs": [DESIGN | wrong]}, 1)


def test_reasoning_comes_to_an_end() -> None:
    assert not _fits({"reasoning": "r" * 1001, "designs": [DESIGN]}, 1)


def test_what_fits_is_read_without_a_problem() -> None:
    circuit = small_circuit()
    text = '{"reasoning":"r","designs":[{"w1":"12.5u","r1":"10k","c1":"1p","m1":"2"}]}'
    assert parse_answer(text, circuit).problems == []
