"""Sized netlists on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ado_service.commands.console import FAILED, fail
from circuits.definition import Circuit
from simulators.ngspice.export import sized_netlists

_CURE = "name a folder that can be written"


@contextmanager
def folder_written(folder: Path, cure: str = _CURE) -> Iterator[None]:
    """Ends the command where a file of `folder` cannot be written: what is in the way, the cure."""
    try:
        yield
    except OSError as error:
        fail(f"{folder}: {error.strerror}; {cure}", FAILED)


def make_folder(folder: Path) -> None:
    """Make `folder`, or end the command with what is in the way."""
    with folder_written(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_netlists(
    circuit: Circuit, values: dict[str, float], folder: Path, *, cure: str = _CURE
) -> list[Path]:
    """Write the sized netlists into `folder`; returns their paths.

    Those of the first corner are `CIRCUIT.TESTBENCH.cir`, those of every other
    `CIRCUIT.TESTBENCH.CORNER.cir`. Where that is not possible, the command ends with the `cure`.
    """
    make_folder(folder)
    written = []
    with folder_written(folder, cure):
        for corner in circuit.corners:
            ending = ".cir" if corner is circuit.corners[0] else f".{corner.name}.cir"
            for name, text in sized_netlists(circuit, values, corner).items():
                file = folder / f"{name.removesuffix('.cir')}{ending}"
                file.write_text(text, encoding="utf-8")
                written.append(file)
    return written
