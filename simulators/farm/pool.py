"""The farm's implementation of `Simulator`: designs go to Dask workers, one task a design."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from uuid import uuid4

from circuits.definition import Circuit
from simulators.closing import Closing
from simulators.farm.errors import FarmLostError, FarmUnreachableError
from simulators.farm.farm import Farm, within
from simulators.farm.flight import Flight
from simulators.farm.parcel import Parcel
from simulators.farm.patience import Patience
from simulators.farm.task import recall
from simulators.gating import Gate
from simulators.netlist.deck import Deck
from simulators.ngspice.errors import SimulatorClosedError
from simulators.ngspice.nodesets import prepared_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.protocol import Values
from simulators.result import SimulationResult

_log = logging.getLogger(__name__)

_MEET_SECONDS = 10.0
"""How long a scheduler may take to answer for the first time: its address may be wrong."""
_RECALL_SECONDS = 3.0


class DaskPool(Closing):
    """Measures designs of one circuit on a Dask farm (see `Simulator`); needs the extra `farm`.

    Circuit and decks go to the workers with the first design; a worker needs this package and
    libngspice, no PDK and no folder. Results are those of `NgspiceSimulator`, bit for bit.

    No death on the farm loses a design. When a host dies, its worker tries again on a new one.
    When a worker dies, Dask runs the design elsewhere; one that sees four workers die has the
    failure `lost_worker`. When the scheduler dies, or the farm has no workers, the pool waits for
    it for `patience` seconds and then simulates the rest of the batch on this machine, with a
    warning in the log; the next batch tries the farm again.

    Threads may share it.

    Args:
        circuit: what is measured.
        address: of the scheduler, such as `tcp://farm:8786`.
        time_limit: seconds a design may take, as for `NgspiceSimulator`.
        decks: the circuit's decks, ready-made; None to build them here.
        gate: leaves out what a design is not worth, as for `NgspiceSimulator`.
        patience: seconds that the farm may be without scheduler or workers.
        fall_back: whether this machine goes on alone then; else the farm's absence is raised.
        processes: hosts on this machine, should it have to finish a batch; None for the usual
            number.
        fast: whether circuits stay loaded and are altered in place, as for `NgspiceSimulator`.

    Raises:
        CircuitError: the circuit's netlists cannot be used.
        LibraryMissingError: libngspice is not installed here, and `decks` is None.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        address: str,
        time_limit: float = 30.0,
        decks: Sequence[Deck] | None = None,
        gate: Gate | None = None,
        patience: float = 60.0,
        fall_back: bool = True,
        processes: int | None = None,
        fast: bool = False,
    ) -> None:
        self._circuit = circuit
        self._decks = prepared_decks(circuit) if decks is None else list(decks)
        self._time_limit = time_limit
        self._gate = gate
        self._patience = patience
        self._fall_back = fall_back
        self._processes = processes
        self._fast = fast
        self._parcel = Parcel.of(circuit, self._decks, time_limit, gate, fast)
        self._name = uuid4().hex
        self._farm = Farm(address)
        self._met = False
        self._away = False
        self._local: NgspiceSimulator | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._version = ""

    @property
    def version(self) -> str:
        """Name and version of the simulator that answered last; a worker is asked before the first.

        Raises:
            SimulatorError: as `run` does.
        """
        if not self._version:
            [(_, result)] = self._results({0: None})
            self._version = result.simulator
        return self._version

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        """Results of `designs` (values in SI units), in their order.

        Raises:
            FarmUnreachableError: no scheduler answered, and none has before.
            FarmExtraMissingError: Dask is not installed here.
            FarmLostError: the farm went away, and the pool is not to fall back.
            FarmVersionError: the farm runs another version of this package.
            LibraryMissingError, HostStartError: no worker can simulate.
            SimulatorClosedError: `close` was called before or meanwhile.
        """
        found = dict(self.stream(designs))
        return [found[index] for index in range(len(designs))]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """(index, result) of each design as it finishes; raises as `run` does.

        When the caller stops early, the designs that have not begun are not simulated.
        """
        missing: dict[int, Values | None] = {
            index: _plain(values) for index, values in enumerate(designs)
        }
        for index, result in self._results(missing):
            self._version = result.simulator or self._version
            yield index, result

    def close(self) -> None:
        """End all that is under way, on the farm too; a `run` in another thread raises."""
        self._closed.set()
        with self._lock:
            if self._local is not None:
                self._local.close()
        if self._met:
            within(_RECALL_SECONDS, self._recall)
        self._farm.close()

    def _results(self, missing: dict[int, Values | None]) -> Iterator[tuple[int, SimulationResult]]:
        """On the farm for as long as there is one, then here; takes from `missing` what is done."""
        patience = Patience(self._patience)
        while missing:
            self._raise_if_closed()
            try:
                for index, result in self._on_the_farm(missing, patience):
                    del missing[index]
                    yield index, result
            except (FarmLostError, FarmUnreachableError) as error:
                if not self._met:
                    raise
                if not self._fall_back and patience.is_over:
                    raise
                if patience.is_over or self._away:
                    yield from self._here(missing, error)
                    return

    def _on_the_farm(
        self, missing: Mapping[int, Values | None], patience: Patience
    ) -> Iterator[tuple[int, SimulationResult]]:
        """Results while one connection lasts; raises as `Flight.results` and `Farm.client` do."""
        seconds = 0.0 if self._away else patience.left if self._met else _MEET_SECONDS
        client = self._farm.client(seconds, lambda: not self._closed.is_set())
        self._met = True
        flight = Flight(client, self._parcel, self._name, patience, self._closed.is_set)
        for index, result in flight.results(dict(missing)):
            self._away = False
            yield index, result

    def _here(
        self, missing: Mapping[int, Values | None], reason: Exception
    ) -> Iterator[tuple[int, SimulationResult]]:
        """On this machine; the next batch asks for the farm once, without waiting."""
        self._raise_if_closed()
        _log.warning(
            "%s: %s; %d designs of this batch are simulated on this machine",
            self._farm.address,
            reason,
            len(missing),
        )
        self._away = True
        pool = self._local_pool()
        designs = {index: values for index, values in missing.items() if values is not None}
        for place, result in pool.stream(list(designs.values())):
            yield list(designs)[place], result
        for index in missing.keys() - designs.keys():
            yield index, SimulationResult(simulator=pool.version)

    def _local_pool(self) -> NgspiceSimulator:
        with self._lock:
            self._raise_if_closed()
            if self._local is None:
                self._local = NgspiceSimulator(
                    self._circuit,
                    processes=self._processes,
                    time_limit=self._time_limit,
                    decks=self._decks,
                    gate=self._gate,
                    fast=self._fast,
                )
            return self._local

    def _recall(self) -> None:
        self._farm.client(0.0).run(recall, self._name, on_error="ignore")

    def _raise_if_closed(self) -> None:
        if self._closed.is_set():
            raise SimulatorClosedError("the simulator was closed; open a new one")


def _plain(values: Values) -> dict[str, float]:
    """The design in Python's own numbers: numpy's would ask for the same numpy over there."""
    return {
        name: int(value) if isinstance(value, Integral) else float(value)
        for name, value in values.items()
    }
