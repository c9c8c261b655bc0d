"""PySpice's implementation of `Simulator`: our pool of confined hosts, with its engine in them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from circuits.definition import Circuit
from simulators.gating import Gate
from simulators.netlist.deck import Deck
from simulators.ngspice.errors import LibraryMissingError
from simulators.ngspice.nursery_process import NurseryProcess
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.pyspice.library import EXTRA_MISSING


class PySpiceSimulator(NgspiceSimulator):
    """Measures designs by PySpice's `NgSpiceShared` (see `Simulator`); needs the extra `pyspice`.

    For comparing with what PySpice computes: results are those of `NgspiceSimulator`, which is
    faster, bit for bit. Arguments are its, too.

    Raises:
        LibraryMissingError: PySpice is not installed.
        CircuitError: the circuit's netlists cannot be used.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        processes: int | None = None,
        time_limit: float = 30.0,
        decks: Sequence[Deck] | None = None,
        gate: Gate | None = None,
    ) -> None:
        if find_spec("PySpice") is None:
            raise LibraryMissingError(EXTRA_MISSING)
        self._own_nursery = NurseryProcess("simulators.pyspice.library:PySpiceLibrary")
        super().__init__(
            circuit,
            processes=processes,
            time_limit=time_limit,
            decks=decks,
            gate=gate,
            nursery=self._own_nursery,
        )

    def close(self) -> None:
        """End all hosts, in mid-task too; a `run` in another thread raises."""
        super().close()
        self._own_nursery.close()
