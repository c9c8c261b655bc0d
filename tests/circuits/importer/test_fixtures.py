"""Two whole decks as their users have them, against plain ngspice."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from circuits.folder import MODELS
from circuits.loader import load_circuit
from circuits.units import parse_quantity
from simulators.check import check_circuit, starting_design
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import SimulationResult
from tests.circuits.importer.decks import plain

HERE = Path(__file__).parent


def sized(folder: Path) -> SimulationResult:
    circuit = load_circuit(folder)
    check_circuit(circuit)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        [result] = simulator.run([starting_design(circuit)])
    assert result.failure is None, result.message
    return result


def test_hspice_ota(tmp_path: Path) -> None:
    """`.alter` and the temperature sweep make six corners; each is what its own netlist gives."""
    shutil.copy(MODELS / "generic90.mod", tmp_path)
    result = sized(HERE / "ota_hspice")
    assert len(result.corners) == 6
    reference = (HERE / "ota_hspice" / "reference.cir").read_text()
    for name, corner in result.corners.items():
        supply = {"low": "1.8", "high": "2.2"}.get(name.split("_")[0], "2.0")
        temperature = name.rsplit("_", 1)[-1]
        netlist = tmp_path / f"{name}.cir"
        netlist.write_text(reference.replace("@supply@", supply).replace("@temp@", temperature))
        expected = plain(netlist)
        rest = -parse_quantity(supply) * expected["itot"]
        assert corner.metrics == pytest.approx(
            {
                "gain": expected["gain"], "gbw": expected["gbw"], "swing": expected["swing"],
                "pm": 180 + expected["phase"], "power": rest, "rise": expected["rise"],
                "slew": 0.06 / expected["rise"],
            },
            rel=1e-4,  # as exact as the operating points: the decks' reltol
        ), name  # fmt: skip


def test_xschem_stage(tmp_path: Path) -> None:
    """The export as it is, by `ngspice -b` and by us."""
    shutil.copytree(HERE / "ota_xschem", tmp_path, dirs_exist_ok=True)
    shutil.copy(MODELS / "generic90.mod", tmp_path)
    netlist = tmp_path / "tb_stage.spice"
    netlist.write_text(netlist.read_text().replace(".options save", ".temp 27\n.options save"))
    metrics = next(iter(sized(tmp_path).corners.values())).metrics
    # Our tolerance is tighter than ngspice's own: the reference is asked for the same.
    netlist.write_text(netlist.read_text().replace(".temp 27", ".temp 27\n.options reltol=1e-4"))
    expected = plain(netlist)
    assert set(metrics) <= set(expected)
    assert metrics == pytest.approx({name: expected[name] for name in metrics}, rel=1e-3)


@pytest.mark.parametrize("name", ["ota_hspice", "ota_xschem"])
def test_lines_stay_where_they_are(name: str, tmp_path: Path) -> None:
    """Each line that is a card in the end has the first word that it had, or its HSPICE name."""
    shutil.copytree(HERE / name, tmp_path, dirs_exist_ok=True)
    shutil.copy(MODELS / "generic90.mod", tmp_path)
    circuit = load_circuit(tmp_path)
    renamed = {".option": ".options", ".macro": ".subckt", ".eom": ".ends", ".lib": ".include",
               "meas": ".meas", "ac": ".ac", "op": ".op", "tran": ".tran"}  # fmt: skip
    for key, text in circuit.files.items():
        if key.startswith("models/"):
            continue
        original = (tmp_path / re.sub(r"\(\w+\)$", "", key)).read_text().splitlines()
        for before, after in zip(original, text.splitlines(), strict=False):
            if after.strip() and not after.startswith(("*", "+")):
                first = before.split()[0]
                assert after.split()[0] == renamed.get(first, first)
