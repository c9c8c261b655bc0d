from __future__ import annotations

import contextlib
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.units import UnitError, format_quantity, parse_quantity, show_quantity

FINITE = st.floats(allow_nan=False, allow_infinity=False)
UNITS = st.sampled_from(["", "m", "F", "Ohm", "A", "V", "Hz", "s", "dB", "deg"])


@given(FINITE, UNITS)
def test_format_then_parse_is_exact(value: float, unit: str) -> None:
    assert parse_quantity(format_quantity(value, unit), unit) == value


@given(FINITE)
def test_plain_numbers_are_read_as_python_reads_them(value: float) -> None:
    assert parse_quantity(repr(value)) == value
    assert parse_quantity(value) == value


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_unit_error(text: str) -> None:
    with contextlib.suppress(UnitError):
        assert math.isfinite(parse_quantity(text, "m"))


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("12.5u", "", "12.5e-6"), ("12.5U", "", "12.5e-6"), ("0.3um", "m", "0.3e-6"),
        ("10 kOhm", "Ohm", "1e4"), ("10kohm", "Ohm", "1e4"), ("10kΩ", "Ohm", "1e4"),
        ("5µ", "", "5e-6"), ("5μm", "m", "5e-6"), ("1meg", "", "1e6"), ("1MEGHz", "Hz", "1e6"),
        ("1t", "", "1e12"), ("1g", "", "1e9"), ("3n", "", "3e-9"), ("3p", "", "3e-12"),
        ("3f", "", "3e-15"), ("3a", "", "3e-18"), ("+1.e-3k", "", "1"), (".5", "", "0.5"),
        (" 7 ", "", "7"), ("1m", "", "1e-3"), ("1m", "V", "1e-3"),
    ],
)  # fmt: skip
def test_forms(text: str, unit: str, value: str) -> None:
    assert parse_quantity(text, unit) == float(Decimal(value))


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5f", "F", 5e-15),  # a prefix, as SPICE has it
        ("5F", "F", 5.0),  # the unit, as it is written
        ("5fF", "F", 5e-15),
        ("5m", "m", 5.0),
        ("5mm", "m", 5e-3),
        ("5a", "A", 5e-18),
        ("5A", "A", 5.0),
        ("5mA", "A", 5e-3),
    ],
)
def test_units_that_are_also_prefixes(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(("text", "unit"), [("5M", ""), ("5MHz", "Hz"), ("5MOhm", "Ohm")])
def test_a_bare_capital_m_is_refused_unless_it_means_mega(text: str, unit: str) -> None:
    with pytest.raises(UnitError, match="m is milli, meg is mega"):
        parse_quantity(text, unit)
    assert parse_quantity(text, unit, mega_m=True) == 5e6


@pytest.mark.parametrize(
    "text",
    ["", "u", "1x", "1 2", "1e", "--1", "nan", "inf", "1e999", "1e9999999999999999999", "1uu",
     "1kV", "0x10", "1_000", "1,5", True, float("nan"), float("inf"), 10**400, "9" * 5000],
)  # fmt: skip
def test_refused(text: str | float) -> None:
    with pytest.raises(UnitError) as raised:
        parse_quantity(text, "m")
    assert len(str(raised.value)) < 300


def test_numpy_scalars() -> None:
    assert format_quantity(np.float64(12.5e-6), "m") == "12.5um"
    assert format_quantity(np.int64(3)) == "3"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "V", "0 V"), (1.23456e6, "Hz", "1.235 MHz"), (2.9999999e-5, "W", "30 uW"),
        (69.385, "dB", "69.39 dB"), (1e-21, "F", "0.001 aF"), (math.inf, "V", "inf V"),
        (-2e-3, "V", "-2 mV"), (5.0, "", "5"),
    ],
)  # fmt: skip
def test_show(value: float, unit: str, text: str) -> None:
    assert show_quantity(value, unit) == text


@pytest.mark.parametrize("value", [0.3712, 209.7596917995285, 1.0, 1000.0, 1e-9])
def test_a_unit_with_a_prefix_gets_no_second_one(value: float) -> None:
    text = format_quantity(value, "um")
    assert text.endswith("um")
    assert not text.endswith("mum")
    assert parse_quantity(text, "um") == value


def test_giga_is_a_capital_for_people() -> None:
    assert show_quantity(2.779e9, "Hz") == "2.779 GHz"
    assert show_quantity(5e6, "Hz") == "5 MHz"
