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
    """Write the sized netlists (of the first corner) into `folder`; returns their paths."""
    make_folder(folder)
    written = []
    try:
        for name, text in sized_netlists(circuit, values).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        fail(f"{folder}: {error.strerror}; name a folder that can be written", FAILED)
    return written
