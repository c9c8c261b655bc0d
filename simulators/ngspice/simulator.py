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
from simulators.ngspice.host_process import HostDiedError, HostProcess, HostTimeoutError
from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate
from simulators.protocol import Values
from simulators.regions import device_point
from simulators.result import CornerResult, FailureKind, SimulationResult


class NgspiceSimulator:
    """Measures designs of one circuit on a pool of ngspice hosts (see `Simulator`).

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
        self._circuit = circuit
        self._decks = build_decks(circuit)
        self._formulas = {metric.name: metric.formula for metric in circuit.metrics}
        self._time_limit = time_limit
        self._version = "ngspice"
        templates = _templates(self._decks)
        count = processes or os.cpu_count() or 1
        self._hosts = [HostProcess(templates) for _ in range(count)]
        self._free: queue.SimpleQueue[HostProcess] = queue.SimpleQueue()
        for host in self._hosts:
            self._free.put(host)

    @property
    def version(self) -> str:
        """Name and version of the simulator that answered last; `ngspice` before."""
        return self._version

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        """Results of `designs`, in their order."""
        found = dict(self.stream(designs))
        return [found[index] for index in range(len(designs))]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        """(index, result) of each design as it finishes."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, SimulationResult]] = queue.SimpleQueue()
        for index in range(len(designs)):
            waiting.put(index)

        def work() -> None:
            host = self._free.get()
            try:
                while True:
                    index = waiting.get_nowait()
                    done.put((index, self._simulate(host, designs[index])))
            except queue.Empty:
                pass
            finally:
                self._free.put(host)

        for _ in range(min(len(self._hosts), len(designs))):
            threading.Thread(target=work, daemon=True).start()
        for _ in designs:
            yield done.get()

    def host_pids(self) -> list[int]:
        """Process ids of the hosts that run."""
        return [host.pid for host in self._hosts if host.pid is not None]

    def close(self) -> None:
        """End all hosts."""
        for host in self._hosts:
            host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _simulate(self, host: HostProcess, values: Values) -> SimulationResult:
        started = time.monotonic()
        tasks = self._tasks(values)
        try:
            answer = self._ask(host, tasks)
        except HostTimeoutError as error:
            return self._failed(FailureKind.TIMEOUT, str(error), started)
        except HostDiedError as error:
            return self._failed(FailureKind.SIMULATOR_CRASH, str(error), started)
        self._version = answer["version"]
        return self._result(answer, time.monotonic() - started)

    def _ask(self, host: HostProcess, tasks: list[BenchNumbers]) -> Answer:
        """The host's answer; a crash gets one more try on a new host, a time-out does not."""
        try:
            return host.run(tasks, self._time_limit)
        except HostDiedError:
            return host.run(tasks, self._time_limit)

    def _tasks(self, values: Values) -> list[BenchNumbers]:
        given = {**self._circuit.parameters, **values}
        return [
            BenchNumbers(bench=index, lines=deck.numbers(given, corner))
            for corner in self._circuit.corners
            for index, deck in enumerate(self._decks)
        ]

    def _failed(self, kind: FailureKind, message: str, started: float) -> SimulationResult:
        return SimulationResult(
            failure=kind,
            message=message,
            seconds=time.monotonic() - started,
            simulator=self._version,
        )

    def _result(self, answer: Answer, seconds: float) -> SimulationResult:
        benches = len(self._decks)
        corners = {
            corner.name: self._corner(answer, slice(start, start + benches), corner.parameters)
            for start, corner in zip(
                range(0, benches * len(self._circuit.corners), benches),
                self._circuit.corners,
                strict=True,
            )
        }
        failures = [reply for reply in answer["decks"] if reply["failure"] is not None]
        worst = _gravest([FailureKind(str(reply["failure"])) for reply in failures])
        return SimulationResult(
            corners=corners,
            failure=worst,
            message="; ".join(dict.fromkeys(reply["message"] for reply in failures)),
            seconds=seconds,
            simulator=answer["version"],
        )

    def _corner(self, answer: Answer, part: slice, parameters: dict[str, float]) -> CornerResult:
        replies = answer["decks"][part]
        measures = {
            deck_measure.name: None for deck in self._decks for deck_measure in deck.measures
        }
        found: dict[str, float | None] = {**measures}
        for reply in replies:
            found |= reply["measures"]
        names = {**self._circuit.parameters, **parameters, **found}
        metrics = {name: formula.value(names) for name, formula in self._formulas.items()}
        devices = {
            path.removeprefix("xdut."): device_point(values)
            for reply in replies
            for path, values in reply["devices"].items()
        }
        return CornerResult(metrics=metrics, measures=found, devices=devices)


def _templates(decks: list[Deck]) -> list[BenchTemplate]:
    """Templates; the first testbench without a transient gives the operating points."""
    quiet = next((deck.name for deck in decks if "tran" not in deck.analyses), None)
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


_GRAVITY = (FailureKind.BAD_NETLIST, FailureKind.NO_CONVERGENCE, FailureKind.MEASURE_FAILED)


def _gravest(kinds: list[FailureKind]) -> FailureKind | None:
    return min(kinds, key=_GRAVITY.index, default=None)
