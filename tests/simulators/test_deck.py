from __future__ import annotations

import re
import time

import pytest

from circuits.definition import Corner
from circuits.errors import CircuitError
from simulators.netlist.deck import build_decks
from tests.simulators.small import DIVIDER, circuit


def refused(*netlists: str, **fields: object) -> str:
    with pytest.raises(CircuitError) as raised:
        build_decks(circuit(*netlists, **fields))
    return str(raised.value)


def test_rendering() -> None:
    text = DIVIDER + ".param r=5k k = {2 * r}\n.temp 25\n.save all\n.end"
    [deck] = build_decks(circuit(text, parameters={"vdd": 2.0}))
    hot = Corner(name="hot", temperature=85, parameters={"vdd": 1.8})
    assert deck.lines({"r": 1500, "vdd": 2.0}, hot) == [
        "* b0", "v1 in 0 dc 2 ac 1", "r1 in out 1500.0", "r2 out 0 1k", ".op", ".ac lin 1 1 1",
        ".meas ac gain max vm(out)", ".temp 85.0", ".options reltol=1e-4", ".end",
    ]  # fmt: skip
    assert deck.source({"r": 1500, "vdd": 2.0}, hot) == [
        ".param r=1500.0", ".param vdd=1.8", ".param k={2 * r}", ".temp 85.0",
        "v1 in 0 dc 2 ac 1", "r1 in out {r}", "r2 out 0 1k", ".op", ".ac lin 1 1 1",
    ]  # fmt: skip
    assert (deck.analyses, deck.devices) == (("op", "ac"), ())
    assert [measure.command for measure in deck.measures] == ["meas ac gain max vm(out)"]


def test_numbers_keep_every_bit() -> None:
    [deck] = build_decks(circuit(DIVIDER))
    value = 1234.5678901234567
    [line] = [line for line in deck.numbers({"r": value}, Corner()) if line.startswith("r1 ")]
    assert float(line.split()[3]) == value


def test_parameters_of_subcircuits_stay_where_they_are() -> None:
    text = "* t\nx1 a s\n.subckt s p\n.param r=3\nr1 p 0 {r}\n.ends\n.param r=2k\n.op"
    [deck] = build_decks(circuit(text))
    assert "r.x1.r1 a 0 3.0" in deck.numbers({"r": 1e3}, Corner())
    source = deck.source({"r": 1e3}, Corner())
    assert ".param r=3" in source
    assert ".param r=2k" not in source
    assert deck.defaults == {}


@pytest.mark.parametrize(
    ("netlist", "problem"),
    [
        ("* t\nr1 a 0 1\n", "b0.cir: b0.cir has no analysis. Add .ac, .dc or .tran"),
        (DIVIDER + ".meas tran t max v(out)\n", "b0.cir:8: measure 't' needs a tran analysis"),
        (DIVIDER + ".meas ac out max v(out)\n", "b0.cir:8: measure 'out' has the name of a node"),
        (DIVIDER + ".meas ac frequency max v(out)\n", "has the name of a node or vector"),
        (DIVIDER + ".meas ac GAIN max v(out)\n", "b0.cir:8: measure 'gain' is there twice"),
        (DIVIDER + ".meas x\n.meas y\n", "b0.cir:9: "),
        (DIVIDER + ".meas ac x find v('a') at=1\n", "b0.cir:8: 'a': 'a' has no value"),
        (DIVIDER + ".meas ac x find v(a) at={system(1)}\n", "b0.cir:8: 'system(1)' uses system"),
        (DIVIDER + ".lib 'x' tt\n", "b0.cir:8: \".lib 'x' tt\" names no section of a known PDK"),
        (DIVIDER + ".lib /etc/passwd tt\n", "names no section of a known PDK's library"),
        (DIVIDER + ".temp 85\n", "b0.cir:8: .temp 85 is no corner's temperature"),
        (DIVIDER + ".temp 25 85\n", "b0.cir:8: '.temp 25 85' is no single temperature"),
    ],
)
def test_refused(netlist: str, problem: str) -> None:
    assert problem in refused(netlist)


def test_a_temperature_that_a_corner_has() -> None:
    corners = (Corner(), Corner(name="hot", temperature=85))
    assert build_decks(circuit(DIVIDER + ".temp 85\n", corners=corners))


def test_a_measure_may_not_be_in_two_testbenches() -> None:
    assert (
        refused(DIVIDER, DIVIDER) == "b1.cir:7: measure 'gain' is there twice. Rename one of them"
    )


def test_words_of_ngspice_are_no_parameters() -> None:
    assert "'temper' is a word of ngspice's" in refused(DIVIDER, parameters={"temper": 1})


def test_findings_of_all_netlists_come_together() -> None:
    found = refused("* t\n.control\n.op", "* t\na1 b c\n.op")
    assert re.findall(r"b\d\.cir:\d", found) == ["b0.cir:2", "b1.cir:2"]


def test_card_that_ngspice_blames() -> None:
    [deck] = build_decks(circuit(DIVIDER))
    count = len(deck.numbers({"r": 1e3}, Corner()))
    blamed = deck.card_blamed("Error on line 3 or its substitute:", count)
    assert blamed is not None
    assert blamed.line == 3
    assert deck.card_blamed("not enough parameters in line  R1 IN OUT {r}", count) == blamed
    assert deck.card_blamed("Error on line 999", count) is None
    assert deck.card_blamed("something", count) is None


def test_a_tolerance_of_the_netlists_own_stays() -> None:
    [deck] = build_decks(circuit(DIVIDER + ".OPTION gmin=1e-12 RelTol=1e-6\n"))
    assert [line for line in deck.lines({"r": 1e3}, Corner()) if "reltol" in line.lower()] == [
        ".OPTION gmin=1e-12 RelTol=1e-6"
    ]


TWICE = "* t\nx1 a s\n.subckt s p\nr1 p 0 1k\n.ends\n.subckt s p\nr1 p 0 2k\n.ends\nv1 a 0 1\n.op\n"


def test_of_two_subcircuits_the_first_is_taken() -> None:
    [deck] = build_decks(circuit(TWICE + "r2 a 0 {r}\n"))
    assert "r.x1.r1 a 0 1k" in deck.numbers({"r": 1e3}, Corner())


def test_subcircuits_of_one_name_within_two_others() -> None:
    inner = ".subckt in p\nr1 p 0 {0}\n.ends\n"
    text = "* t\nv1 a 0 1\n.op\nr2 a 0 {r}\n"
    text += "".join(f".subckt s{k} p\n{inner.replace('{0}', '1k')}x1 p in\n.ends\n" for k in (1, 2))
    assert "subcircuit 'in' is defined within two others" in refused(text)


@pytest.mark.parametrize(
    "card", [".op", ".ac lin 1 1 1", ".meas ac g max vm(p)", ".options gmin=1"]
)
def test_no_analyses_within_subcircuits(card: str) -> None:
    text = DIVIDER + f"x1 out s\n.subckt s p\nr1 p 0 1k\n{card}\n.ends\n"
    assert f"{card.split()[0]} within a subcircuit. Move it to the top level" in refused(text)


def test_many_instances_of_much_are_refused_before_they_are_expanded() -> None:
    body = "".join(f"r{k} p 0 1\n" for k in range(500))
    calls = "".join(f"x{k} out s\n" for k in range(2000))
    clock = time.perf_counter()
    assert "over 50000 instances" in refused(f"{DIVIDER}{calls}.subckt s p\n{body}.ends\n")
    params = "".join(f".param p{k}={k}\n" for k in range(500))
    assert "over 50000 instances" in refused(f"{DIVIDER}{calls}.subckt s p\n{params}.ends\n")
    assert time.perf_counter() - clock < 20


@pytest.mark.parametrize("options", ["method=temp temp=100", "reltol=scale scale=2", "scale"])
def test_options_are_known_by_their_names(options: str) -> None:
    assert "is not allowed" in refused(f"{DIVIDER}.options {options}\n")


def test_negative_parameters_stay_whole_in_expressions() -> None:
    [deck] = build_decks(circuit(DIVIDER + ".param k=-2\nb1 x 0 v=v(in)*k**2*{k}\nr9 x 0 {r}\n"))
    [line] = [one for one in deck.numbers({"r": 1e3}, Corner()) if one.startswith("b1")]
    assert line == "b1 x 0 v=v(in)*(-2.0)**2*{(-2.0)}"
