"""`load_files`: a circuit from a mapping, as an upload brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuits.errors import CircuitError
from circuits.folder import MODELS
from circuits.loader import load_circuit, load_files
from tests.circuits.importer.decks import files
from tests.circuits.small import DUT, NETLIST, YAML, folder

FILES = {"circuit.yaml": YAML, "ac.cir": NETLIST, "sub/dut.cir": DUT}


def refused(texts: dict[str, str]) -> str:
    with pytest.raises(CircuitError) as raised:
        load_files(texts)
    assert all(finding.cure for finding in raised.value.findings)
    return str(raised.value)


def test_the_same_as_the_folder(tmp_path: Path) -> None:
    assert load_files(FILES) == load_circuit(folder(tmp_path))


def test_paths_are_normal(tmp_path: Path) -> None:
    moved = {"./circuit.yaml": YAML, "ac.cir": NETLIST, "x/../sub/dut.cir": DUT}
    assert load_files(moved) == load_circuit(folder(tmp_path))


def test_the_projects_model_cards_are_there() -> None:
    found = load_files(files("* t\n.include ../../models/generic90.mod\n"))
    assert found.files["models/generic90.mod"] == (MODELS / "generic90.mod").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"circuit.yaml": None}, "circuit.yaml: no such file. Add it"),
        ({"ac.cir": None}, "circuit.yaml:13: testbench netlist 'ac.cir': no such file"),
        ({"sub/dut.cir": None}, "ac.cir:2: include 'sub/dut.cir': no such file"),
        ({"../x": ""}, "'../x' leads out of the circuit's folder"),
        ({"/etc/passwd": ""}, "'/etc/passwd' leads out of the circuit's folder"),
        ({"a/../../x": ""}, "leads out of the circuit's folder"),
        ({"": ""}, "'' is no path of a file"),
        ({"a\\b": ""}, "is no path of a file"),
        ({"a\0b": ""}, "is no path of a file"),
        ({"x" * 300: ""}, "is no path of a file"),
        ({"dir/": ""}, "leads out"),
        ({"./ac.cir": ""}, "ac.cir: is there twice"),
        ({"ac.cir": "* t\n\ud800\n"}, "ac.cir:2: not UTF-8 text"),
        ({"ac.cir": "x" * 4_000_001}, "ac.cir: over 4000000 bytes long"),
        ({"big": "x" * 16_000_001}, "over 16000000 characters in all"),
        ({f"f{n}": "" for n in range(1001)}, "over 1000 files"),
        ({"ac.cir": NETLIST.replace("sub/dut.cir", "/etc/passwd")}, "leads out of the circuit's"),
        ({"ac.cir": NETLIST.replace("sub/dut.cir", "../../models/../loader.py")}, "leads out of"),
        ({"ac.cir": NETLIST.replace("sub/dut.cir", "models/../../loader.py")}, "leads out of"),
        ({"ac.cir": NETLIST.replace("sub/dut.cir", "models/nope.mod")}, "no such file"),
    ],
)  # fmt: skip
def test_refused(change: dict[str, str | None], message: str) -> None:
    changed = {name: text for name, text in (FILES | change).items() if text is not None}
    assert message in refused(changed)


def test_text_that_is_read_again_and_again_counts_each_time() -> None:
    """Each section of a library is a copy of it in the end: a bomb of its own."""
    sections = "".join(f".lib s{n}\n.endl\n" for n in range(40)) + "* " + "x" * 1_000_000
    calls = "".join(f".lib m.l s{n}\n" for n in range(40))
    message = refused(files(f"* t\n{calls}", m__l=sections))
    assert "over 16000000 characters of netlists" in message
