"""The simulator that jobs and commands measure designs with: one place that puts it together."""

from __future__ import annotations

from ado_service.jobs.result_cache import StoreResultCache
from ado_service.settings import Settings
from ado_service.store.store import Store
from circuits.definition import Circuit
from simulators.cache import CachedSimulator
from simulators.design_key import DesignKeys
from simulators.gating import Gate, conditions
from simulators.ngspice.nodesets import prepared_decks
from simulators.open import open_pool
from simulators.protocol import Simulator


def open_simulator(
    circuit: Circuit,
    settings: Settings,
    store: Store | None,
    *,
    time_limit: float,
    processes: int | None = None,
    gate: Gate | None = None,
    fast: bool = False,
) -> Simulator:
    """A simulator for designs of `circuit`; close it in the end.

    It asks the design database for results first, unless the settings say `cache = false` or
    there is no `store`.

    Args:
        circuit: what is measured.
        settings: of the process.
        store: the design database, which must stay open; None for none.
        time_limit: seconds a design may take.
        processes: simulator hosts on this machine, for a trial that a farm is not asked for;
            those of the settings, or its farm, when None.
        gate: decides how far a design is simulated; None to simulate all of it.
        fast: whether circuits stay loaded and are altered in place. What the design database
            keeps of such results is for other fast simulators alone: they name another version.

    Raises:
        CircuitError: the circuit's netlists cannot be used.
    """
    decks = prepared_decks(circuit)
    simulator = open_pool(
        circuit,
        processes=processes or settings.processes,
        time_limit=time_limit,
        decks=decks,
        gate=gate,
        farm=settings.dask_address if processes is None else None,
        fast=fast,
    )
    if store is None or not settings.cache:
        return simulator
    keys = DesignKeys(circuit, decks, conditions(circuit, decks, gate))
    return CachedSimulator(simulator, StoreResultCache(store.results, settings.cache_limit), keys)
