"""Which of a circuit's files the LLM is shown: the circuit itself, never a device model."""

from __future__ import annotations

import re

from circuits.definition import Circuit

_MODEL_CARD = re.compile(r"^\s*\.model\b", re.IGNORECASE | re.MULTILINE)
_SUBCIRCUIT = re.compile(r"^\s*\.subckt\b", re.IGNORECASE | re.MULTILINE)
_DEVICE = re.compile(r"^\s*[a-z]", re.IGNORECASE | re.MULTILINE)
_MODEL = re.compile(r"\.model\b", re.IGNORECASE)


def shown_netlists(circuit: Circuit) -> dict[str, str]:
    """Text by path of the netlists that a prompt shows.

    The circuit under test is what defines a subcircuit without being a testbench or holding a
    model card. Files that testbenches share are shown only where there is no such file, and the
    testbenches themselves, without their model cards, only where all devices are in them: their
    supplies are among the fixed parameters, and the starting values of their `.param` lines
    would be taken for advice.

    Process files hold `.model` cards, often inside subcircuits: nothing of them is shown, they
    are long, often confidential, and do not help.
    """
    benches = list(dict.fromkeys(bench.netlist for bench in circuit.testbenches))
    others = {
        path: text
        for path, text in sorted(circuit.files.items())
        if path not in benches and _MODEL_CARD.search(text) is None and _DEVICE.search(text)
    }
    subcircuits = {path: text for path, text in others.items() if _SUBCIRCUIT.search(text)}
    own_files = {path: circuit.files[path] for path in benches if path in circuit.files}
    return subcircuits or others or {p: without_models(text) for p, text in own_files.items()}


def without_models(netlist: str) -> str:
    """The netlist without its `.model` cards and their continuation lines."""
    kept: list[str] = []
    in_model = False
    for line in netlist.splitlines():
        stripped = line.lstrip()
        if not (in_model and stripped.startswith("+")):
            in_model = _MODEL.match(stripped) is not None
        if not in_model:
            kept.append(line)
    return "\n".join(kept)
