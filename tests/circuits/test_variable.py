from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from circuits.variable import Scale, Variable

POSITION = st.floats(0, 1)
RANGES = st.tuples(st.floats(1e-15, 1e9), st.floats(1.001, 1e6)).map(lambda r: (r[0], r[0] * r[1]))


def variable(**fields: object) -> Variable:
    return Variable.model_validate({"name": "w", "low": 1.0, "high": 9.0} | fields)


@given(RANGES, POSITION, st.sampled_from([Scale.LINEAR, Scale.LOG]))
def test_unit_axis_there_and_back(span: tuple[float, float], position: float, scale: Scale) -> None:
    found = variable(low=span[0], high=span[1], scale=scale)
    value = found.from_unit(position)
    assert span[0] <= value <= span[1]
    assert found.to_unit(value) == pytest.approx(position, abs=1e-9)
    assert found.from_unit(found.to_unit(value)) == pytest.approx(value, rel=1e-9)


@given(RANGES, st.floats(0.001, 1), st.floats(allow_nan=False))
def test_snap_is_idempotent_and_within(
    span: tuple[float, float], part: float, value: float
) -> None:
    low, high = span
    found = variable(low=low, high=high, grid=(high - low) * part)
    snapped = found.snap(value)
    assert low <= snapped <= high
    assert found.snap(snapped) == snapped


@given(st.integers(-20, 20), st.integers(1, 30), st.floats(-100, 100))
def test_integers(low: int, span: int, value: float) -> None:
    found = variable(low=low, high=low + span, scale="integer")
    snapped = found.snap(value)
    assert snapped.is_integer()
    assert low <= snapped <= low + span
    assert abs(snapped - min(max(value, low), low + span)) <= 0.5


def test_grid_is_counted_from_low_and_keeps_decimals() -> None:
    found = variable(low=0.12e-6, high=50e-6, grid=5e-9)
    assert found.snap(1.2346e-6) == 1.235e-6
    assert found.snap(0) == 0.12e-6
    assert found.snap(1) == 50e-6


def test_the_end_of_the_range_is_on_the_grid_in_spite_of_binary_dust() -> None:
    assert variable(low=0, high=0.3, grid=0.1).snap(0.3) == 0.3
    assert variable(low=0, high=0.35, grid=0.1).snap(0.35) == 0.3


def test_log_middle() -> None:
    assert variable(low=10, high=1e5, scale="log").from_unit(0.5) == pytest.approx(1e3)


@pytest.mark.parametrize(("position", "value"), [(-3, 1), (0, 1), (1, 9), (7, 9), (0.5, 5)])
def test_positions_outside_are_clamped(position: float, value: float) -> None:
    assert variable().from_unit(position) == value


def test_nan_is_no_value() -> None:
    with pytest.raises(ValueError, match="NaN is no value"):
        variable().snap(math.nan)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 5, "high": 5}, "variable w: empty range [5, 5]; low must be less than high"),
        ({"low": 5, "high": 1}, "empty range"),
        ({"low": float("nan")}, "finite"),
        ({"high": float("inf")}, "finite"),
        ({"low": 0, "scale": "log"}, "a log axis needs low > 0, not 0"),
        ({"grid": 0}, "greater than 0"),
        ({"grid": 10}, "grid 10 is wider than the range"),
        ({"low": 0.5, "scale": "integer"}, "whole number"),
        ({"grid": 2, "scale": "integer"}, "remove grid"),
        ({"name": "W1"}, "pattern"),
        ({"name": "w 1"}, "pattern"),
        ({"scale": "cubic"}, "'linear', 'log' or 'integer'"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        variable(**fields)
    assert message in str(raised.value)
