"""The floor: how long ngspice's analyses take by themselves, on a circuit that is loaded."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Self

from circuits.definition import Circuit
from simulators.closing import Closing
from simulators.netlist.deck import Deck


class Solver(Closing):
    """Times analyses in a process of its own, since a process has one libngspice.

    Args:
        circuit: of one corner.
        decks: of its testbenches.
    """

    def __init__(self, circuit: Circuit, decks: Sequence[Deck]) -> None:
        self._circuit = circuit
        self._decks = decks
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def close(self) -> None:
        """End the process, and wait for it."""
        self._pipe.send(None)
        self._process.join(10)

    def seconds(self, designs: Sequence[dict[str, float]]) -> float:
        """Seconds of the analyses of all `designs`, loading and reading out not counted."""
        corner = self._circuit.corners[0]
        total = 0.0
        for values in designs:
            for deck in self._decks:
                lines = deck.lines({**self._circuit.parameters, **values}, corner)
                self._pipe.send([line for line in lines if not line.startswith(".meas")])
                total += self._pipe.recv()
        return total


def _serve(pipe: Connection) -> None:
    import time

    from simulators.ngspice.library import NgspiceLibrary

    library = NgspiceLibrary()
    while (lines := pipe.recv()) is not None:
        library.circuit([line.encode() for line in lines])
        clock = time.perf_counter()
        library.command("run")
        pipe.send(time.perf_counter() - clock)
        library.command("destroy all")
        library.command("remcirc")
        library.forget_history()
        library.log.clear()
