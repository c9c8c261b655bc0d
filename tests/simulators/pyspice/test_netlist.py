"""A PySpice circuit becomes a testbench; docs/pyspice.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PySpice.Spice.Netlist import Circuit as PySpiceCircuit
from PySpice.Spice.Netlist import SubCircuit
from PySpice.Unit import u_kOhm, u_nF

from circuits.definition import Circuit, Metric
from circuits.errors import CircuitError
from circuits.spec import Direction, Spec, SpecSet
from circuits.variable import Variable
from simulators.netlist.deck import build_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pyspice.netlist import PySpiceNetlist, from_pyspice

DOCS = Path(__file__).resolve().parents[3] / "docs" / "pyspice.md"
ANALYSES, MEASURES = [".ac lin 1 1k 1k"], [".meas ac gain max vm(out)"]


class Divider(SubCircuit):  # type: ignore[misc]  # PySpice has no types
    NODES = ("top", "middle")

    def __init__(self) -> None:
        super().__init__("divider", *self.NODES)
        self.R(1, "top", "middle", "{r}")
        self.R(2, "middle", self.gnd, 1 @ u_kOhm)


def divider() -> Any:
    found = PySpiceCircuit("A divider")
    found.parameter("r", 2000)
    found.V("source", "input", found.gnd, "dc 0 ac 1")
    found.subcircuit(Divider())
    found.X("dut", "divider", "input", "out")
    return found


def sizable(netlist: PySpiceNetlist) -> Circuit:
    spec = Spec(
        metric="gain", direction=Direction.ABOVE, threshold=0.4, norm=1, weight=1, penalty=-1
    )
    return Circuit(
        name="divider",
        title="A divider",
        variables=(Variable(name="r", unit="Ohm", low=1e3, high=1e4),),
        testbenches=(netlist.testbench,),
        metrics=(Metric(name="gain"),),
        spec_sets=(SpecSet(name="one", specs=(spec,)),),
        files=netlist.files,
    )


def test_a_pyspice_circuit_is_simulated() -> None:
    circuit = sizable(from_pyspice(divider(), analyses=ANALYSES, measures=MEASURES))
    with NgspiceSimulator(circuit, processes=1) as pool:
        one, four = pool.run([{"r": 1e3}, {"r": 4e3}])
    assert one.metrics()["gain"] == pytest.approx(1 / 2, rel=1e-6)
    assert four.metrics()["gain"] == pytest.approx(1 / 5, rel=1e-6)


def test_it_gives_what_pyspice_writes_and_what_was_added() -> None:
    found = from_pyspice(divider(), analyses=ANALYSES, measures=MEASURES, name="small_signal")
    assert found.testbench.netlist == "small_signal.cir"
    lines = found.files["small_signal.cir"].splitlines()
    assert lines[0] == "* A divider"
    assert set(str(divider()).splitlines()[1:]) - {""} <= set(lines)
    assert lines[-3:] == [*ANALYSES, *MEASURES, ".end"]


def test_included_files_go_along(tmp_path: Path) -> None:
    model = tmp_path / "load.lib"
    model.write_text(".subckt load a b\nc1 a b 1n\n.ends\n", encoding="utf-8")
    drawn = divider()
    drawn.include(str(model))
    drawn.X("load", "load", "out", drawn.gnd)
    found = from_pyspice(drawn, analyses=[".ac lin 1 159155 159155"], measures=MEASURES)
    assert found.files["load.lib"] == model.read_text(encoding="utf-8")
    model.unlink()
    with NgspiceSimulator(sizable(found), processes=1) as pool:
        [result] = pool.run([{"r": 1e3}])
    half = 0.5 / abs(1 + 1j * 2 * 3.141592653589793 * 159155 * 500 * 1e-9)
    assert result.metrics()["gain"] == pytest.approx(half, rel=1e-6)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    drawn = divider()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "load.lib").write_text(f"* {folder}\n", encoding="utf-8")
        drawn.include(str(tmp_path / folder / "load.lib"))
    with pytest.raises(ValueError, match=r"two included files are called load\.lib"):
        from_pyspice(drawn, analyses=ANALYSES, measures=MEASURES)


def test_what_no_netlist_may_is_refused_with_its_place() -> None:
    drawn = divider()
    drawn.raw_spice = ".control\nshell touch /tmp/mark\n.endc"
    found = sizable(from_pyspice(drawn, analyses=ANALYSES, measures=MEASURES))
    with pytest.raises(CircuitError, match=r"main\.cir:\d+: .*\.control"):
        build_decks(found)


def test_something_else_is_refused() -> None:
    for other in (str(divider()), Divider()):
        with pytest.raises(TypeError, match="give the Circuit itself"):
            from_pyspice(other, analyses=ANALYSES, measures=MEASURES)


def test_the_example_of_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(DOCS), "exec"), {"__name__": "docs"})
    printed = capsys.readouterr().out
    [promised] = re.findall(r"```text\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert printed == promised


def test_units_are_understood() -> None:
    drawn = divider()
    drawn.C(1, "out", drawn.gnd, 10 @ u_nF)
    found = sizable(from_pyspice(drawn, analyses=[".ac lin 1 1 1"], measures=MEASURES))
    with NgspiceSimulator(found, processes=1) as pool:
        [result] = pool.run([{"r": 1e3}])
    assert result.metrics()["gain"] == pytest.approx(0.5, rel=1e-6)
