"""Opens the pool that settings ask for: this machine's, or a farm's."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.definition import Circuit
from simulators.gating import Gate
from simulators.netlist.deck import Deck
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.protocol import Simulator


def open_pool(
    circuit: Circuit,
    *,
    processes: int | None = None,
    time_limit: float = 30.0,
    decks: Sequence[Deck] | None = None,
    gate: Gate | None = None,
    farm: str | None = None,
    patience: float = 60.0,
    fast: bool = False,
) -> Simulator:
    """A pool for `circuit`.

    Args:
        circuit: what is measured.
        processes: hosts on this machine; None for as many as `host_count` says.
        time_limit: seconds a design may take.
        decks: the circuit's decks, ready-made; None to build them here.
        gate: leaves out what a design is not worth; None to simulate all of it.
        farm: address of a Dask scheduler; None or empty for this machine.
        patience: seconds that a farm may be away before this machine goes on alone.
        fast: whether circuits stay loaded and are altered in place (see `NgspiceSimulator`).

    Raises:
        CircuitError: the circuit's netlists cannot be used.
    """
    if not farm:
        return NgspiceSimulator(
            circuit,
            processes=processes,
            time_limit=time_limit,
            decks=decks,
            gate=gate,
            fast=fast,
        )
    from simulators.farm.pool import DaskPool  # the extra `farm`

    return DaskPool(
        circuit,
        address=farm,
        processes=processes,
        time_limit=time_limit,
        decks=decks,
        gate=gate,
        patience=patience,
        fast=fast,
    )
