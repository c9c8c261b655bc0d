"""The ngspice implementation of `Simulator`: a pool of host processes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial

from circuits.definition import Circuit
from simulators.closing import Closing
from simulators.gating import Gate
from simulators.host_count import host_count
from simulators.netlist.deck import Deck, build_decks
from simulators.netlist.numparam import ExpressionError
from simulators.ngspice.backlog import Backlog
from simulators.ngspice.batch import Batch
from simulators.ngspice.course import Course
from simulators.ngspice.errors import HostDiedError, HostTimeoutError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate
from simulators.ngspice.nodesets import with_nodesets
from simulators.ngspice.nursery_process import NurseryProcess
from simulators.ngspice.readout import Readout
from simulators.protocol import Values
from simulators.result import FailureKind, SimulationResult

_LEAST_SECONDS = 0.01
"""What a stage gets when those before it have used up the design's time."""


class NgspiceSimulator(Closing):
    """Measures designs of one circuit on a pool of ngspice hosts (see `Simulator`).

    Threads may share it: they share its hosts, design by design.

    Args:
        circuit: what is measured.
        processes: hosts; None for as many as `host_count` says.
        time_limit: seconds a design may take, all its testbenches and corners together. The
            host is killed and replaced when it takes longer.
        decks: the circuit's decks, ready-made; None to build them here. A farm's worker has no
            PDK to build them from.
        gate: leaves out what a design is not worth (see `simulators.gating`); None to simulate
            every testbench in every corner.
        nursery: where hosts come from, closed by its owner; None for one of its own.
        fast: whether circuits stay loaded and are altered in place where only sizes change. The
            results' `simulator` says so: `ngspice-39 fast`.

    Raises:
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
        nursery: NurseryProcess | None = None,
        fast: bool = False,
    ) -> None:
        self._circuit = circuit
        self._decks = build_decks(circuit) if decks is None else list(decks)
        self._ready = decks is not None
        self._preparing = threading.Lock()
        self._readout = Readout(circuit, self._decks, gate)
        self._time_limit = time_limit
        self._fast = fast
        self._version = ""
        self._templates = _templates(self._decks, fast) if self._ready else []
        count = processes or host_count()
        self._nursery = nursery or NurseryProcess()
        self._owns_nursery = nursery is None
        self._hosts = [HostProcess(self._templates, self._nursery) for _ in range(count)]
        self._free: queue.SimpleQueue[HostProcess] = queue.SimpleQueue()
        for host in self._hosts:
            self._free.put(host)

    @property
    def version(self) -> str:
        """Name and version of the simulator that answered last; a host is asked before the first.

        Raises:
            SimulatorError: as `run` does, of a machine on which no host starts.
        """
        self._prepare()
        if not self._version:
            host = self._free.get()
            try:
                host.run([], self._time_limit)  # no deck: it only has to start
                self._version = self._name(host)
            finally:
                self._free.put(host)
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
        self._prepare()
        batch = Batch(designs)
        for _ in range(min(len(self._hosts), len(designs))):
            threading.Thread(target=self._work, args=(batch,), daemon=True).start()
        try:
            for _ in designs:
                outcome = batch.done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            batch.stop()

    @property
    def decks(self) -> list[Deck]:
        """The decks as they are simulated, nodesets included; raises as `version` does."""
        self._prepare()
        return self._decks

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
        if self._owns_nursery:
            self._nursery.close()

    def _prepare(self) -> None:
        """Learns the nodesets, once, before the first design."""
        with self._preparing:
            if self._ready:
                return
            self._decks[:] = with_nodesets(self._circuit, self._decks, self._nursery)
            self._templates[:] = _templates(self._decks, self._fast)
            self._ready = True

    def _work(self, batch: Batch) -> None:
        """Simulate waiting designs on a free host until there are none; one thread a host."""
        host, backlog = self._free.get(), Backlog()
        try:
            while (index := batch.take()) is not None:
                backlog.add(partial(batch.draft, self._first_tasks))
                found = self._simulate(host, batch, index, backlog)
                backlog.add(partial(self._deliver, batch, index, found))
        except BaseException as error:  # the caller's thread raises it
            batch.done.put(error)
        finally:
            backlog.clear()
            self._free.put(host)

    def _first_tasks(self, values: Values) -> list[BenchNumbers]:
        return self._readout.tasks(values, self._readout.stages[0].steps)

    def _deliver(self, batch: Batch, index: int, found: Course | SimulationResult) -> None:
        """Hand out a design's result; called while the host has the next design already."""
        try:
            if isinstance(found, Course):
                times = {"seconds": found.seconds, "simulator": self._version}
                values = batch.designs[index]
                found = self._readout.result(values, found).model_copy(update=times)
            batch.done.put((index, found))
        except BaseException as error:  # the caller's thread raises it
            batch.done.put(error)

    def _simulate(
        self, host: HostProcess, batch: Batch, index: int, backlog: Backlog
    ) -> Course | SimulationResult:
        """What came out of a design, not read yet; or its result, when that is a failure."""
        started = time.monotonic()
        try:
            values, drafted = batch.designs[index], batch.drafted(index)
            course = self._staged(host, values, drafted, backlog)
        except HostTimeoutError:
            message = f"the design took longer than {self._time_limit:g} s"
            failure = FailureKind.TIMEOUT
        except ExpressionError as error:
            failure, message = FailureKind.BAD_NETLIST, str(error)
        except HostDiedError as error:
            failure, message = FailureKind.SIMULATOR_CRASH, str(error)
        else:
            self._version, course.seconds = self._name(host), time.monotonic() - started
            return course
        seconds = time.monotonic() - started
        return SimulationResult(
            failure=failure, message=message, seconds=seconds, simulator=self._name(host)
        )

    def _name(self, host: HostProcess) -> str:
        """What a result says of its simulator: results of the fast mode are told apart."""
        return f"{host.version} fast" if self._fast else host.version

    def _staged(
        self,
        host: HostProcess,
        values: Values,
        drafted: list[BenchNumbers] | None,
        backlog: Backlog,
    ) -> Course:
        """Stage after stage, until the design is not worth the next one."""
        course, left = Course(), self._time_limit
        stages = self._readout.stages
        for number, stage in enumerate(stages):
            if stage.hurdles:
                course.stopped_by = stage.stopped_by(self._readout.nominal(values, course))
            if course.stopped_by:
                course.skipped = tuple(step for later in stages[number:] for step in later.steps)
                break
            tasks = drafted or self._readout.tasks(values, stage.steps)
            drafted = None
            warm, asked = host.pid is not None, time.monotonic()
            course.add(stage.steps, tasks, self._ask(host, tasks, left, backlog)["decks"])
            if course.refused:
                break
            if warm:  # a host's start is not the design's time
                left = max(left - (time.monotonic() - asked), _LEAST_SECONDS)
        return course

    def _ask(
        self, host: HostProcess, tasks: list[BenchNumbers], seconds: float, backlog: Backlog
    ) -> Answer:
        """The host's answer; a crash gets one more try on a new host, a time-out does not."""
        try:
            return host.run(tasks, seconds, backlog.clear)
        except HostDiedError:
            return host.run(tasks, seconds)


def _templates(decks: Sequence[Deck], fast: bool = False) -> list[BenchTemplate]:
    """Templates; the first testbench, one without a transient if any, gives operating points."""
    quiet = next((deck.name for deck in decks if "tran" not in deck.analyses), decks[0].name)
    return [
        BenchTemplate(
            name=deck.name,
            body=deck.body,
            analyses=list(deck.analyses),
            measures=[(meas.name, meas.analysis) for meas in deck.measures],
            devices=list(deck.devices) if deck.name == quiet else [],
            models=deck.models,
            nodes=False,
            unchecked=deck.unchecked,
            # a sweep of the temperature leaves devices at its last one, whatever .temp says
            fast=fast and "dc" not in deck.analyses,
        )
        for deck in decks
    ]
