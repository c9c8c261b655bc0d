"""An identical design is simulated once; what may be a machine's fault is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from circuits.definition import Circuit
from simulators.cache import CachedSimulator
from simulators.design_key import DesignKeys
from simulators.netlist.deck import build_decks
from simulators.ngspice.errors import SimulatorClosedError
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.protocol import Values
from simulators.result import FailureKind, SimulationResult
from tests.simulators.small import DIVIDER, SLOW, circuit


class Memory:
    """A cache in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, SimulationResult] = {}
        self.puts: list[int] = []

    def get_many(self, keys: Sequence[str]) -> dict[str, SimulationResult]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def put_many(self, results: Mapping[str, SimulationResult]) -> None:
        self.puts.append(len(results))
        self.kept = {**results, **self.kept}


class Counting(NgspiceSimulator):
    """Real ngspice; counts the designs that it is asked for."""

    asked = 0

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        self.asked += len(designs)
        return super().stream(designs)


@contextmanager
def cached(
    found: Circuit, memory: Memory, time_limit: float = 30
) -> Iterator[tuple[CachedSimulator, Counting]]:
    decks = build_decks(found)
    inner = Counting(found, processes=2, time_limit=time_limit, decks=decks)
    with CachedSimulator(inner, memory, DesignKeys(found, decks)) as simulator:
        yield simulator, inner


def measured(results: Sequence[SimulationResult]) -> list[object]:
    """Everything but how the results were come by."""
    took = {"seconds", "cached", "saved_seconds"}
    return [result.model_dump(exclude=took) for result in results]


DESIGNS = [{"r": 1000.0 + 100 * place} for place in range(5)]


def test_a_second_simulator_makes_no_run() -> None:
    memory = Memory()
    with cached(circuit(DIVIDER), memory) as (simulator, inner):
        first = simulator.run(DESIGNS)
        assert inner.asked == 5
    assert not any(result.cached or result.saved_seconds for result in first)
    with cached(circuit(DIVIDER, name="another_job"), memory) as (simulator, inner):
        again = simulator.run(DESIGNS)
        assert inner.asked == 0
        assert simulator.version == first[0].simulator
    assert measured(again) == measured(first)
    assert all(result.cached for result in again)
    assert [one.saved_seconds for one in again] == [one.seconds for one in first]


def test_only_what_is_not_known_is_simulated() -> None:
    memory = Memory()
    with cached(circuit(DIVIDER), memory) as (simulator, inner):
        simulator.run(DESIGNS[:3])
        results = simulator.run(DESIGNS)
        assert inner.asked == 5
        assert [result.cached for result in results] == [True, True, True, False, False]
        alone = NgspiceSimulator(circuit(DIVIDER), processes=1)
        with alone:
            assert measured(alone.run(DESIGNS)) == measured(results)


def test_doubles_in_one_batch_are_simulated_once() -> None:
    memory = Memory()
    with cached(circuit(DIVIDER), memory) as (simulator, inner):
        results = simulator.run([DESIGNS[0], DESIGNS[1], DESIGNS[0], DESIGNS[0]])
        assert inner.asked == 2
    assert measured(results)[0] == measured(results)[2] == measured(results)[3]
    assert [result.cached for result in results] == [False, False, True, True]


def test_no_designs_start_no_host() -> None:
    with cached(circuit(DIVIDER), Memory()) as (simulator, inner):
        assert simulator.run([]) == []
        assert inner.host_pids() == []


REFUSED = DIVIDER.replace("r2 out 0 1k", "r2 out 0 1k zork=1")
UNMEASURED = DIVIDER.replace("max vm(out)", "when vm(out)=5")


@pytest.mark.parametrize(
    ("text", "kind"),
    [(REFUSED, FailureKind.BAD_NETLIST), (UNMEASURED, FailureKind.MEASURE_FAILED)],
)
def test_a_failure_that_comes_again_is_kept(text: str, kind: FailureKind) -> None:
    memory = Memory()
    with cached(circuit(text), memory) as (simulator, inner):
        first = simulator.run(DESIGNS[:1])
        again = simulator.run(DESIGNS[:1])
        assert inner.asked == 1
    assert first[0].failure is kind
    assert measured(again) == measured(first)


def test_a_timeout_is_tried_again() -> None:
    memory = Memory()
    with cached(circuit(SLOW), memory, time_limit=0.3) as (simulator, inner):
        for _ in range(2):
            [result] = simulator.run(DESIGNS[:1])
            assert result.failure is FailureKind.TIMEOUT
        assert inner.asked == 2
    assert memory.kept == {}


class Scripted:
    """A simulator that gives what it is told to."""

    version = "scripted-1"

    def __init__(self, **fields: object) -> None:
        given = {"simulator": self.version, **fields}
        self.result = SimulationResult.model_validate(given)
        self.asked = 0

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        return [result for _, result in self.stream(designs)]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        for place in range(len(designs)):
            self.asked += 1
            yield place, self.result

    def close(self) -> None:
        pass

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def of(inner: Scripted, memory: Memory) -> CachedSimulator:
    found = circuit(DIVIDER)
    return CachedSimulator(inner, memory, DesignKeys(found, build_decks(found)))


@pytest.mark.parametrize("kind", list(FailureKind))
def test_which_failures_are_kept(kind: FailureKind) -> None:
    kept = kind in {"bad_netlist", "no_convergence", "measure_failed"}
    inner, memory = Scripted(failure=kind), Memory()
    simulator = of(inner, memory)
    for _ in range(2):
        assert simulator.run(DESIGNS[:1])[0].failure is kind
    assert (inner.asked, len(memory.kept)) == ((1, 1) if kept else (2, 0))


def test_what_another_simulator_answered_is_not_kept_under_this_ones_name() -> None:
    inner, memory = Scripted(simulator="scripted-2"), Memory()
    of(inner, memory).run(DESIGNS)
    assert memory.kept == {}


def test_results_are_kept_a_few_at_a_time_and_when_the_caller_leaves_early() -> None:
    inner, memory = Scripted(), Memory()
    simulator = of(inner, memory)
    simulator.run([{"r": 1000.0 + place} for place in range(200)])
    assert len(memory.kept) == 200
    assert len(memory.puts) < 20
    stream = simulator.stream([{"r": 5000.0 + place} for place in range(10)])
    seen = [next(stream)[0] for _ in range(3)]
    del stream
    assert seen == [0, 1, 2]
    assert len(memory.kept) == 203


def test_two_threads_at_once_get_the_same() -> None:
    memory = Memory()
    begin = threading.Barrier(2)
    with cached(circuit(DIVIDER), memory) as (simulator, inner):

        def ask() -> list[SimulationResult]:
            begin.wait()
            return simulator.run(DESIGNS * 4)

        with ThreadPoolExecutor(2) as pool:
            one, other = [future.result() for future in [pool.submit(ask) for _ in range(2)]]
        assert 5 <= inner.asked <= 10
    assert measured(one) == measured(other)
    assert len(memory.kept) == 5


def test_closing_ends_a_run_under_way() -> None:
    with cached(circuit(SLOW), Memory(), time_limit=60) as (simulator, inner):
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(simulator.run, DESIGNS)
            while not inner.host_pids():
                threading.Event().wait(0.01)
            simulator.close()
            with pytest.raises(SimulatorClosedError):
                under_way.result(timeout=30)
        with pytest.raises(SimulatorClosedError):
            simulator.run(DESIGNS)
