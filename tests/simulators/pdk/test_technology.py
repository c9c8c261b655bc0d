"""What netlists ask of PDKs, and what they are told when they ask wrongly."""

from __future__ import annotations

import pytest

from circuits.definition import Circuit, Corner
from circuits.errors import CircuitError
from simulators.check import check_circuit
from simulators.netlist.deck import build_decks
from simulators.pdk.registry import Pdk
from tests.simulators.pdk import library
from tests.simulators.small import circuit

NETLIST = """* a device
{lib}
v1 a 0 1
x1 a a 0 0 nfet w={{r/1k}} l=1
.op
.ac lin 1 1 1
.meas ac gain max vm(a)
"""


@pytest.fixture(autouse=True)
def _broken(pdk: Pdk) -> None:
    library.write(pdk.root, broken=True)


def small(*cards: str, **fields: object) -> Circuit:
    return circuit(NETLIST.format(lib="\n".join(cards)), **fields)


def refused(found: Circuit) -> str:
    with pytest.raises(CircuitError) as raised:
        build_decks(found)
    return str(raised.value)


def test_the_corners_processes(pdk: Pdk) -> None:
    corners = (Corner(), Corner(name="slow", process="ss"))
    [deck] = build_decks(small('.lib "sky130.lib.spice" tt', corners=corners))
    assert list(deck.flats) == ["tt", "ss"]
    slow = deck.lines({"r": 1e3}, corners[1])
    assert any("toxe=2.1e-09" in line and line.startswith(".model") for line in slow)
    assert any("toxe=2e-09" in line for line in deck.lines({"r": 1e3}, corners[0]))


@pytest.mark.parametrize("file", ["sky130.lib.spice", '"/opt/pdks/sky130A/x/sky130.lib.spice"'])
def test_the_library_is_known_by_its_name(pdk: Pdk, file: str) -> None:
    assert build_decks(small(f".LIB {file} TT"))


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        (["* none", ".lib own.lib tt"], "b0.cir:3: '.lib own.lib tt' names no section of a known"),
        ([".lib sky130.lib.spice"], "Write .lib FILE SECTION; known: sky130.lib.spice, sm141064"),
        ([".lib sky130.lib.spice fs"], "b0.cir:2: sky130.lib.spice has no section 'fs'; it has tt"),
        ([".lib sky130.lib.spice outside"], "b0.cir:2: "),
        ([".lib sky130.lib.spice tt", ".lib sm141064.ngspice tt"], "b0.cir:3: libraries of two"),
        ([".lib sm141064.ngspice typical"], "b0.cir:2: no PDK of gf180mcu is installed; install"),
    ],
)
def test_what_is_asked_wrongly(pdk: Pdk, cards: list[str], said: str) -> None:
    assert said in refused(small(*cards))


def test_a_corner_that_the_library_does_not_have(pdk: Pdk) -> None:
    found = small(".lib sky130.lib.spice tt", corners=(Corner(process="sf"),))
    assert "b0.cir:2: sky130.lib.spice has no section 'sf'" in refused(found)


def test_a_process_without_a_library() -> None:
    found = circuit(NETLIST.format(lib="").replace("x1 a a 0 0 nfet", "r1 a 0 {r} *"))
    found = found.model_copy(update={"corners": (Corner(process="ss"),)})
    assert "circuit.yaml: corners name the process 'ss', but no netlist has a .lib" in refused(
        found
    )


def test_none_installed(pdk: Pdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADO_PDK_PATH")
    message = refused(small(".lib sky130.lib.spice tt"))
    assert message.startswith(
        "b0.cir:2: no PDK of sky130 is installed; run `ado pdk install sky130`"
    )
    assert message.endswith("See docs/pdk.md")


def test_a_cell_that_is_not_there(pdk: Pdk) -> None:
    text = NETLIST.format(lib=".lib sky130.lib.spice tt").replace("nfet", "nfett")
    assert "b0.cir:4: subcircuit 'nfett' is not defined" in refused(circuit(text))


def test_a_size_in_metres(pdk: Pdk) -> None:
    """The PDK has micrometres: 1u is a picometre."""
    text = NETLIST.format(lib=".lib sky130.lib.spice tt").replace("l=1", "l=1u")
    with pytest.raises(CircuitError) as raised:
        check_circuit(circuit(text))
    assert "x1: its length is 1e-12 m, whatever the variables are" in str(raised.value)
    assert "(0.14 to 100 in the netlist). Change it in the netlist" in str(raised.value)
