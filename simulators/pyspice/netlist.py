"""A PySpice circuit as a netlist of ours: what is drawn in Python is sized like anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.definition import Testbench
from simulators.ngspice.errors import LibraryMissingError
from simulators.pyspice.library import EXTRA_MISSING

_INCLUDE = re.compile(r"^\.include (?P<path>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PySpiceNetlist:
    """A testbench made from a PySpice circuit, for `Circuit(testbenches=..., files=...)`.

    Attributes:
        testbench: names the top netlist in `files`.
        files: text by path: the netlist, and what the PySpice circuit includes.
    """

    testbench: Testbench
    files: dict[str, str]


def from_pyspice(
    circuit: Any,
    *,
    analyses: Sequence[str],
    measures: Sequence[str],
    name: str = "main",
    about: str = "",
) -> PySpiceNetlist:
    """The testbench that a PySpice circuit, analyses and measures make.

    PySpice's elements take a variable as `{w1}` where they take a value, and a parameter of the
    circuit (`circuit.parameter("w1", 10e-6)`) gives its starting value. Files that the circuit
    includes are read and go along. Whether all of it is allowed is checked as for any netlist,
    when the circuit that it becomes part of is opened or checked.

    Args:
        circuit: a `PySpice.Spice.Netlist.Circuit`.
        analyses: cards such as `.ac dec 10 1 1g`.
        measures: cards such as `.meas ac gain find vdb(out) at=1`.
        name: of the testbench.
        about: what it measures and how, for people.

    Raises:
        LibraryMissingError: PySpice is not installed.
        TypeError: `circuit` is something else, a simulator or a subcircuit, say.
        OSError: an included file cannot be read.
        ValueError: two included files have one name.
    """
    try:
        from PySpice.Spice.Netlist import Circuit as PySpiceCircuit
    except ImportError as error:
        raise LibraryMissingError(EXTRA_MISSING) from error
    if not isinstance(circuit, PySpiceCircuit):
        raise TypeError(
            f"{type(circuit).__name__} is no PySpice circuit: give the Circuit itself, not its "
            "simulator, and put a subcircuit into one"
        )
    text, files = _with_includes(str(circuit))
    title, _, cards = text.partition("\n")
    lines = [title.removeprefix(".title "), cards.strip(), *analyses, *measures, ".end"]
    netlist = f"{name}.cir"
    files[netlist] = "\n".join(["* " + lines[0], *lines[1:]]) + "\n"
    return PySpiceNetlist(Testbench(name=name, netlist=netlist, about=about), files)


def _with_includes(text: str) -> tuple[str, dict[str, str]]:
    """The netlist with its includes by file name, and those files."""
    files: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        path = Path(match["path"])
        content = path.read_text(encoding="utf-8")
        if files.setdefault(path.name, content) != content:
            raise ValueError(f"two included files are called {path.name}; rename one")
        return f".include {path.name}"

    return _INCLUDE.sub(take, text), files
