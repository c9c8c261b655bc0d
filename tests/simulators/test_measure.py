from __future__ import annotations

import pytest

from circuits.errors import CircuitError
from simulators.netlist.card import Card
from simulators.netlist.measure import read_measure


def read(text: str) -> tuple[str, str, str]:
    measure = read_measure(Card("b.cir", 7, text))
    return measure.analysis, measure.name, measure.what


@pytest.mark.parametrize(
    "what",
    [
        "find vdb(out) at=1", "when vdb(out)=0 fall=1", "find v(dm) when v(out)=1.0 rise=1",
        "trig v(a) val=0.5 rise=1 targ v(b) val=0.5 fall=last", "max vdb(out)", "min i(vdd)",
        "pp v(out) from=1n to=2n", "avg v(a,b)", "rms v(out)", "integ i(v1) from=0 to=1u",
        "deriv v(out) at=1n", "min_at v(out)", "max_at v(out)",
    ],
)  # fmt: skip
def test_forms(what: str) -> None:
    assert read(f".meas tran delay {what}") == ("tran", "delay", what)


def test_case_and_blanks() -> None:
    assert read(".MEASURE AC Gain  FIND  vdb(out)   AT=1") == ("ac", "gain", "find vdb(out) at=1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (".meas", "is no measure. Write `.meas ac|dc|tran NAME"),
        (".meas noise n integ v(x)", "is no measure"),
        (".meas ac 1st find v(a) at=1", "is no measure"),
        (".meas tran x param='a+b'", "expression over other measures. Write it as a metric"),
        (".meas ac x find v(a)`id` at=1", "form that is not supported"),
        (".meas ac x find v(a) at=1; shell id", "form that is not supported"),
        (".meas ac x echo v(a)", "Start with one of find when"),
        (".meas ac x find v(a) > /tmp/x", "form that is not supported"),
        (".meas ac x find $v at=1", "form that is not supported"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    with pytest.raises(CircuitError) as raised:
        read(text)
    assert problem in str(raised.value)
    assert str(raised.value).startswith("b.cir:7: ")
