"""Sized netlists on disk."""

from __future__ import annotations

from pathlib import Path

from ado_service.commands.console import FAILED, fail
from circuits.definition import Circuit
from simulators.ngspice.export import sized_netlists


def make_folder(folder: Path) -> None:
    """Make `folder`, or end the command with what is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{folder}: {error.strerror}; name a folder that can be written", FAILED)


def write_netlists(circuit: Circuit, values: dict[str, float], folder: Path) -> list[Path]:
    """Write the sized netlists into `folder`; returns their paths.

    Those of the first corner are `CIRCUIT.TESTBENCH.cir`, those of every other
    `CIRCUIT.TESTBENCH.CORNER.cir`.
    """
    make_folder(folder)
    written = []
    try:
        for corner in circuit.corners:
            ending = ".cir" if corner is circuit.corners[0] else f".{corner.name}.cir"
            for name, text in sized_netlists(circuit, values, corner).items():
                file = folder / f"{name.removesuffix('.cir')}{ending}"
                file.write_text(text, encoding="utf-8")
                written.append(file)
    except OSError as error:
        fail(f"{folder}: {error.strerror}; name a folder that can be written", FAILED)
    return written
