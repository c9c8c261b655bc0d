"""The ngspice implementation of `Simulator`: a pool of host processes, one a core."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from circuits.definition import Circuit
from simulators.netlist.deck import Deck, build_decks
from simulators.ngspice.errors import HostDiedError, HostTimeoutError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate
from simulators.ngspice.readout import Readout
from simulators.protocol import Values
from simulators.result import FailureKind, SimulationResult

_Outcome = tuple[int, SimulationResult] | BaseException


class NgspiceSimulator:
    """Measures designs of one circuit on a pool of ngspice hosts (see `Simulator`).

    Threads may share it: they share its hosts, design by design.

    Args:
        circuit: what is measured.
        processes: hosts; None for one a core.
        time_limit: seconds a design may take, all its testbenches and corners together. The
            host is killed and replaced when it takes longer.

    Raises:
        CircuitError: the circuit's netlists cannot be used.
    """

    def __init__(
        self, circuit: Circuit, *, processes: int | None = None, time_limit: float = 30.0
    ) -> None:
        decks = build_decks(circuit)
        self._readout = Readout(circuit, decks)
        self._time_limit = time_limit
        self._version = "ngspice"
        templates = _templates(decks)
        count = processes or len(os.sched_getaffinity(0))
        self._hosts = [HostProcess(templates) for _ in range(count)]
        self._free: queue.SimpleQueue[HostProcess] = queue.SimpleQueue()
        for host in self._hosts:
            self._free.put(host)

    @property
    def version(self) -> str:
        """Name and version of the simulator that answered last; `ngspice` before."""
        return self._version

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        """Results of `designs` (values in SI units), in their order.

        Raises:
            LibraryMissingError: libngspice is not installed.
            SimulatorClosedError: `close` was called before or meanwhile.
        """
        found = dict(self.stream(designs))
        return [found[index] for index in range(len(designs))]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """(index, result) of each design as it finishes; raises as `run` does.

        When the caller stops early, the designs that have not begun are not simulated.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        for index in range(len(designs)):
            waiting.put(index)
        for _ in range(min(len(self._hosts), len(designs))):
            threading.Thread(target=self._work, args=(designs, waiting, done), daemon=True).start()
        try:
            for _ in designs:
                outcome = done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            _drain(waiting)

    def host_pids(self) -> list[int]:
        """Process ids of the hosts that run."""
        return [pid for host in self._hosts if (pid := host.pid) is not None]

    def close(self) -> None:
        """End all hosts, in mid-task too; a `run` in another thread raises."""
        for host in self._hosts:
            host.end()
        owned = [self._free.get() for _ in self._hosts]  # each comes back when its task has ended
        for host in owned:
            host.close()
            self._free.put(host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _work(
        self,
        designs: Sequence[Values],
        waiting: queue.SimpleQueue[int],
        done: queue.SimpleQueue[_Outcome],
    ) -> None:
        """Simulate waiting designs on a free host until there are none; one thread a host."""
        host = self._free.get()
        try:
            while True:
                index = waiting.get_nowait()
                done.put((index, self._simulate(host, designs[index])))
        except queue.Empty:
            pass
        except BaseException as error:  # the caller's thread raises it
            done.put(error)
        finally:
            self._free.put(host)

    def _simulate(self, host: HostProcess, values: Values) -> SimulationResult:
        started = time.monotonic()
        tasks = self._readout.tasks(values)
        try:
            answer = self._ask(host, tasks)
        except HostTimeoutError as error:
            result = SimulationResult(failure=FailureKind.TIMEOUT, message=str(error))
        except HostDiedError as error:
            result = SimulationResult(failure=FailureKind.SIMULATOR_CRASH, message=str(error))
        else:
            result = self._readout.result(values, tasks, answer)
            self._version = host.version
        seconds = time.monotonic() - started
        return result.model_copy(update={"seconds": seconds, "simulator": host.version})

    def _ask(self, host: HostProcess, tasks: list[BenchNumbers]) -> Answer:
        """The host's answer; a crash gets one more try on a new host, a time-out does not."""
        try:
            return host.run(tasks, self._time_limit)
        except HostDiedError:
            return host.run(tasks, self._time_limit)


def _drain(waiting: queue.SimpleQueue[int]) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        return


def _templates(decks: Sequence[Deck]) -> list[BenchTemplate]:
    """Templates; the first testbench, one without a transient if any, gives operating points."""
    quiet = next((deck.name for deck in decks if "tran" not in deck.analyses), decks[0].name)
    return [
        BenchTemplate(
            name=deck.name,
            body=deck.body,
            analyses=list(deck.analyses),
            measures=[(meas.name, meas.analysis, meas.command) for meas in deck.measures],
            devices=list(deck.devices) if deck.name == quiet else [],
        )
        for deck in decks
    ]
