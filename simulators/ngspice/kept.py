"""Circuits that stay loaded in ngspice, to be altered in place."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.ngspice.altered import Outline, alterations
from simulators.ngspice.library import NgspiceLibrary

MOST = 90
"""Circuits kept: one for each testbench, corner and choice of model bins. ngspice has a table of
a hundred, and writes beyond it."""


class KeptCircuits:
    """The loaded circuits by their shape, one of them current.

    ngspice counts its circuits from the one that was loaded last; so does `_loaded`.

    Args:
        library: where they are loaded; nothing else may load or remove circuits there.
        most: how many are kept; the one that lay unused longest goes first.
    """

    def __init__(self, library: NgspiceLibrary, most: int) -> None:
        self._library = library
        self._most = most
        self._loaded: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], Outline] = {}

    def alter(self, wanted: Outline) -> bool:
        """Make `wanted` current by altering a kept circuit of its shape.

        Returns:
            False when there is none, or ngspice complained: then it is gone, and to be loaded.
        """
        known = self._numbers.pop(wanted.shape, None)
        commands = None if known is None else alterations(known, wanted)
        if commands is None:
            return False
        self._numbers[wanted.shape] = wanted  # as the one used last
        self._choose(wanted.shape)
        for command in commands:
            self._library.command(command)
        if any(line.startswith("stderr") for line in self._library.log):
            self.drop(wanted)
            return False
        return True

    def load(self, wanted: Outline, lines: Sequence[str]) -> None:
        """Load `lines`, whose outline is `wanted`, and make it current.

        Raises:
            LibraryExitError: ngspice ended itself over a parse error.
        """
        while len(self._loaded) >= self._most:
            self._remove(next(iter(self._numbers)))
        self._library.log.clear()
        self._library.circuit([line.encode() for line in lines])
        self._loaded.insert(0, wanted.shape)
        self._numbers[wanted.shape] = wanted

    def drop(self, one: Outline) -> None:
        """Remove this circuit, which is loaded, and no other."""
        self._remove(one.shape)

    def forget(self) -> None:
        """Remove every circuit, whether ngspice took the last one or not."""
        for _ in self._loaded:
            self._library.command("setcirc 1")
            self._library.command("remcirc")
        self._loaded.clear()
        self._numbers.clear()

    def _choose(self, shape: tuple[str, ...]) -> None:
        self._library.log.clear()
        self._library.command(f"setcirc {self._loaded.index(shape) + 1}")

    def _remove(self, shape: tuple[str, ...]) -> None:
        self._choose(shape)
        self._library.command("remcirc")
        self._loaded.remove(shape)
        self._numbers.pop(shape, None)
