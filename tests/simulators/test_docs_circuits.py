"""docs/circuits.md: its example works as it stands there, and it names every field and card."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from circuits.definition import Circuit, Corner, DeviceGroup, Metric, Testbench
from circuits.errors import CircuitError
from circuits.folder import LIBRARY
from circuits.loader import library_names, load_circuit
from circuits.spec import Spec, SpecSet
from circuits.variable import Variable
from simulators.check import check_circuit, try_circuit
from simulators.ngspice.simulator import NgspiceSimulator

TEXT = (LIBRARY.parents[1] / "docs" / "circuits.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for language, name in (("yaml", "circuit.yaml"), ("spice", "stage.cir")):
        [block] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
        (tmp_path / name).write_text(block, encoding="utf-8")
    return tmp_path


def test_the_example(example: Path) -> None:
    circuit = load_circuit(example)
    check_circuit(circuit)
    sizes = {"w1": 30e-6, "l1": 0.5e-6, "rd": 30e3, "vb": 0.42}
    with NgspiceSimulator(circuit, processes=1) as simulator:
        start = try_circuit(circuit, simulator)
        [sized] = simulator.run([sizes])
    assert start.failure is None
    assert not all(spec.met(start.metrics()[spec.metric]) for spec in circuit.specs())
    assert all(spec.met(sized.metrics()[spec.metric]) for spec in circuit.specs())


def looked_over(folder: Path) -> None:
    """What `ado check` does."""
    circuit = load_circuit(folder)
    check_circuit(circuit)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        try_circuit(circuit, simulator)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_errors_it_shows(example: Path, number: int) -> None:
    shown = re.search(r"the cure:\n\n```\n(.*?)```", TEXT, re.DOTALL)
    assert shown is not None
    edits = (
        ("circuit.yaml", "low: 0.5u, high: 50u", "low: 50u, high: 0.5u"),
        ("stage.cir", '.include "../../models/generic90.mod"', "* no models"),
        ("stage.cir", "rload vdd out {rd}", "rload vdd out {rd} zork=1"),
    )
    file, old, new = edits[number]
    path = example / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CircuitError) as raised:
        looked_over(example)
    assert shown[1].splitlines()[number] in str(raised.value)


@pytest.mark.parametrize(
    "model", [Circuit, Variable, DeviceGroup, Testbench, Metric, SpecSet, Spec, Corner]
)
def test_every_field_is_named(model: type) -> None:
    fields = set(model.model_fields) - {"files"}
    assert {name for name in fields if not re.search(rf"\b{name}\b", TEXT)} == set()


def test_every_library_circuit_is_named() -> None:
    assert all(f"| `{name}` |" in TEXT for name in library_names())
