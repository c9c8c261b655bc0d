from __future__ import annotations

import pytest

from circuits.importer.arithmetic import ArithmeticTextError, read_arithmetic, read_number
from circuits.importer.constants import Constants


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7), ("-2**2", -4), ("2**3**2", 512), ("2^3", 8), ("(1+2)*3", 9), ("7/2/2", 1.75),
        ("1.5k", 1500), ("2meg", 2e6), ("1X", 1e6), ("1mil", 25.4e-6), ("3uF", 3e-6),
        ("1e-3k", 1), ("1 > 2 ? 3 : 4", 4), ("1<2 && 2<3", 1), ("!1 || 0", 0), ("2 == 2.0", 1),
        ("max(1,2,min(5,4))", 4), ("pwr(-2,2)", -4), ("db(10)", 20), ("nint(2.6)", 3),
        ("int(-2.6)", -2), ("'1+1'", 2), ("{a*2}", 6), ("A", 3), ("log10(100)", 2),
    ],
)  # fmt: skip
def test_value(text: str, value: float) -> None:
    assert read_arithmetic(text).value({"a": 3.0}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "1+", "(1", "1)", "f(1)", "b", "1 2", "sqrt(-1)", "1/0", "a=1", "v(out)", "$x"]
)
def test_no_value(text: str) -> None:
    with pytest.raises(ArithmeticTextError):
        read_arithmetic(text).value({"a": 3.0})


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.1u", 1.1e-6), ("-3m", -3e-3), ("+2", 2.0), ("1e3", 1e3), (".5", 0.5), ("10pF", 1e-11)],
)
def test_number(text: str, value: float) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["", "x", "1+1", "'1'", "1 2", "1u1", "9" * 200])
def test_no_number(text: str) -> None:
    assert read_number(text) is None


def test_constants_know_what_they_hang_on() -> None:
    constants = Constants({"vdd": 2.0}, frozenset({"w"}))
    constants.define("half", "vdd/2")
    constants.define("quarter", "half/2")
    constants.define("vdd", "99")  # circuit.yaml has the last word
    constants.define("loop", "loop2")
    constants.define("loop2", "loop")
    assert constants.value("quarter*4") == 2.0
    assert constants.used == {"quarter", "half", "vdd"}
    constants.used = set()
    assert constants.value("quarter") == 0.5
    assert constants.used == {"quarter", "half", "vdd"}
    constants.define("half", "3")
    assert constants.value("quarter") == 1.5
    for text in ("w", "loop", "nowhere"):
        with pytest.raises(ArithmeticTextError):
            constants.value(text)
