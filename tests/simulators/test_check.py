from __future__ import annotations

import pytest

from circuits.definition import DeviceGroup
from circuits.errors import CircuitError
from simulators.check import check_circuit, try_circuit
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.starting import netlist_values, starting_design
from tests.simulators.small import DIVIDER, circuit


def refused(*netlists: str, **fields: object) -> str:
    with pytest.raises(CircuitError) as raised:
        check_circuit(circuit(*netlists, **fields))
    return str(raised.value)


def tried(text: str) -> str:
    found = circuit(text)
    with (
        NgspiceSimulator(found, processes=1) as simulator,
        pytest.raises(CircuitError) as raised,
    ):
        try_circuit(found, simulator)
    return str(raised.value)


def test_a_good_circuit() -> None:
    assert [deck.name for deck in check_circuit(circuit(DIVIDER))] == ["b0"]


def test_metric_of_unknown_measure() -> None:
    message = refused(DIVIDER, metrics={"gain": "", "loss": "1/gian"})
    assert message == "circuit.yaml: metric loss: no measure or parameter 'gian'. Measures are gain"


def test_metric_of_variables_and_parameters() -> None:
    check_circuit(circuit(DIVIDER, metrics={"gain": "", "area": "r * k"}, parameters={"k": 2}))


def test_variable_that_nothing_uses() -> None:
    text = DIVIDER.replace("{r}", "1k").replace("r2 out", "r out")
    assert "variable 'r' is in no netlist. Use {r} or remove it" in refused(text)


def test_group_of_unknown_device() -> None:
    groups = (DeviceGroup(name="load", devices=("R2", "r3")),)
    assert "device group load: no device 'r3'" in refused(DIVIDER, device_groups=groups)


def test_starting_design() -> None:
    assert netlist_values(circuit(DIVIDER + ".param r={2*k} k=1")) == {}
    assert starting_design(circuit(DIVIDER)) == {"r": 5500.0}
    assert starting_design(circuit(DIVIDER + ".param R=2k")) == {"r": 2000.0}
    assert starting_design(circuit(DIVIDER + ".param r=1meg")) == {"r": 10000.0}


def test_try_circuit() -> None:
    found = circuit(DIVIDER)
    with NgspiceSimulator(found, processes=1) as simulator:
        assert try_circuit(found, simulator).metrics()["gain"] == pytest.approx(1 / 6.5)


@pytest.mark.parametrize(
    ("card", "place", "said"),
    [
        ("r9 out 0 1k zork=3", "b0.cir:8: ", "unknown parameter (zork)"),
        ("b9 x 0 v=sqrt(", "b0.cir:8: ", "syntax error"),
    ],
)
def test_what_ngspice_refuses_has_file_and_line(card: str, place: str, said: str) -> None:
    message = tried(f"{DIVIDER}{card}\n")
    assert message.startswith(f"{place}ngspice says: ")
    assert said in message


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("r9 out 0 {nope}", "b0.cir:8: 'nope': 'nope' has no value"),
        ("r9 out 0 {sqrt(nope)}", "b0.cir:8: 'sqrt(nope)': 'nope' has no value"),
        ("e9 x 0", "b0.cir:8: 'e9 x 0' cannot be read"),
        (".param", "b0.cir:8: '.param' is no list of parameters"),
        (".param z={1+}", "'(1+)' has ')' where a value should be"),
        (".param y={z} z={y}", "parameter 'y' refers to itself"),
        ("r9 out 0 {system(1)}", "uses system(), which is no function of parameters"),
        ("r9 out 0 {" + "(" * 70 + "1" + ")" * 70 + "}", "brackets deep"),
    ],
)
def test_what_cannot_be_flattened_has_file_and_line(card: str, said: str) -> None:
    with pytest.raises(CircuitError) as raised:
        check_circuit(circuit(f"{DIVIDER}{card}\n"))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".param z={0/0}\nr8 out 0 {z}\n", "b0.cir:8: '(0/0)' has no value"),
        (".param r9=1\n.param y={z} z={y}\n", "b0.cir:9: parameter 'y' refers to itself"),
        ("x1 out s\n.subckt s p\n.param q={1/0}\nr1 p 0 {q}\n.ends\n", "b0.cir:10: '(1/0)'"),
        ("x1 out s q={1/0}\n.subckt s p q=1\nr1 p 0 {q}\n.ends\n", "b0.cir:8: '(1/0)'"),
        ("r8 out 0 1k m=0\n", "b0.cir:8: m=0: 0 copies. Give m above 0"),
        ("x1 out s m=-1\n.subckt s p\nr1 p 0 1k\n.ends\n", "b0.cir:8: m=-1: -1 copies"),
        ("v9 q 0 pwl file=/etc/passwd\n", "b0.cir:8: a source that reads a file"),
        ("r8 out 0 {1/(r-5500)}\n", "b0.cir: at the starting design: "),
    ],
)
def test_errors_stand_where_they_are(text: str, said: str) -> None:
    with pytest.raises(CircuitError) as raised:
        check_circuit(circuit(DIVIDER + text))
    assert said in str(raised.value)


@pytest.mark.parametrize("name", ["ln", "exp", "min", "sqrt", "agauss"])
def test_functions_are_no_names(name: str) -> None:
    with pytest.raises(CircuitError) as raised:
        check_circuit(circuit(DIVIDER, parameters={name: 1.0}))
    assert f"'{name}' is a word of ngspice's" in str(raised.value)
