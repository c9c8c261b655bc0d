"""Nothing on a farm may die at the cost of a design: each death for real, in mid-batch."""

from __future__ import annotations

import logging
import threading

import psutil
import pytest

from circuits.definition import Circuit
from simulators.farm.pool import DaskPool
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult
from tests.simulators.battery import alive, bits, processor_seconds
from tests.simulators.farm.own_farm import OwnFarm, until
from tests.simulators.small import DIVIDER, SLOW, circuit

TAKES_A_WHILE = DIVIDER + "c1 out 0 1p\n.tran 2e-11 1e-6\n.meas tran settled max v(out)\n"
DESIGNS = [{"r": 1e3 + 10 * place} for place in range(24)]
FAST = circuit(DIVIDER)


@pytest.fixture(scope="module")
def found() -> Circuit:
    return circuit(TAKES_A_WHILE, metrics={"gain": "", "settled": ""})


@pytest.fixture(scope="module")
def expected(found: Circuit) -> list[SimulationResult]:
    """What the local pool says."""
    with NgspiceSimulator(found, processes=2) as pool:
        return bits(pool.run(DESIGNS))


@pytest.fixture
def farm_of_two(farm: OwnFarm) -> OwnFarm:
    farm.add_worker()
    farm.add_worker()
    farm.wait_for(2)
    return farm


def in_order(results: dict[int, SimulationResult]) -> list[SimulationResult]:
    assert sorted(results) == list(range(len(DESIGNS)))
    return bits([results[place] for place in sorted(results)])


def test_a_worker_is_killed(
    farm_of_two: OwnFarm, found: Circuit, expected: list[SimulationResult]
) -> None:
    victim = farm_of_two.worker_pids()[0]
    results = {}
    with DaskPool(found, address=farm_of_two.address) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                farm_of_two.kill_worker(victim)
            results[index] = result
    assert in_order(results) == expected


def test_a_workers_hosts_die_with_it(farm: OwnFarm) -> None:
    worker = farm.add_worker()
    farm.wait_for(1)
    with DaskPool(FAST, address=farm.address) as pool:
        pool.run([{"r": 1e3}] * 2)
        hosts = farm.host_pids()
        assert hosts
        farm.kill_worker(worker)
        until(lambda: not any(alive(pid) for pid in hosts))


def test_a_worker_is_stopped_by_its_batch_system(
    farm_of_two: OwnFarm, found: Circuit, expected: list[SimulationResult]
) -> None:
    victim = farm_of_two.worker_pids()[0]
    results, hosts = {}, list[int]()
    with DaskPool(found, address=farm_of_two.address) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                children = psutil.Process(victim).children(recursive=True)
                hosts = [child.pid for child in children]
                farm_of_two.stop_worker(victim)
            results[index] = result
    assert in_order(results) == expected
    assert hosts
    until(lambda: not any(alive(pid) for pid in hosts))


def test_the_only_worker_is_killed_and_its_nanny_starts_another(
    farm: OwnFarm, found: Circuit, expected: list[SimulationResult]
) -> None:
    farm.add_worker("--nanny")
    farm.wait_for(1)
    [victim] = farm.worker_pids()
    results = {}
    with DaskPool(found, address=farm.address) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                farm.kill_worker(victim)
            results[index] = result
    assert in_order(results) == expected


def test_a_design_whose_workers_all_die_is_lost(farm: OwnFarm) -> None:
    """Four, as Dask has it; the pool goes on, and so does the farm."""
    farm.add_worker("--nanny")
    farm.wait_for(1)
    with DaskPool(circuit(SLOW), address=farm.address, time_limit=200) as pool:
        killer = _WorkerKiller(farm, times=4)
        [result] = pool.run([{"r": 1e3}])
        killer.join()
    assert len(killer.killed) == 4
    assert result.failure is FailureKind.LOST_WORKER
    assert result.message == "4 workers died while they simulated it, and the farm gave it up"
    assert result.corners == {}
    with DaskPool(FAST, address=farm.address) as pool:
        assert pool.run([{"r": 1e3}])[0].failure is None


def test_the_scheduler_is_killed_and_comes_back(
    farm_of_two: OwnFarm,
    found: Circuit,
    expected: list[SimulationResult],
    caplog: pytest.LogCaptureFixture,
) -> None:
    results = {}
    with DaskPool(found, address=farm_of_two.address) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                farm_of_two.kill_scheduler()
                farm_of_two.start_scheduler()
                farm_of_two.add_worker()
            results[index] = result
    assert in_order(results) == expected
    assert not said(caplog)


def test_the_scheduler_is_killed_and_stays_away(
    farm_of_two: OwnFarm,
    found: Circuit,
    expected: list[SimulationResult],
    caplog: pytest.LogCaptureFixture,
) -> None:
    results, address = {}, farm_of_two.address
    with DaskPool(found, address=address, patience=1.0, processes=2) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                farm_of_two.kill_scheduler()
            results[index] = result
        assert in_order(results) == expected
        [warning] = said(caplog)
        assert warning.startswith(f"{address}: no Dask scheduler answers at {address} ")
        assert "designs of this batch are simulated on this machine" in warning

        farm_of_two.start_scheduler()
        farm_of_two.add_worker()
        farm_of_two.wait_for(1)
        assert bits(pool.run(DESIGNS)) == expected
        assert len(farm_of_two.host_pids()) == 1, "the farm is asked again"
    assert len(said(caplog)) == 1


def test_all_workers_are_killed_and_none_comes(
    farm_of_two: OwnFarm,
    found: Circuit,
    expected: list[SimulationResult],
    caplog: pytest.LogCaptureFixture,
) -> None:
    results = {}
    with DaskPool(found, address=farm_of_two.address, patience=1.0, processes=2) as pool:
        for index, result in pool.stream(DESIGNS):
            if not results:
                for pid in farm_of_two.worker_pids():
                    farm_of_two.kill_worker(pid)
            results[index] = result
    assert in_order(results) == expected
    [warning] = said(caplog)
    assert "the farm has no workers" in warning


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Warnings of ours."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("simulators") and record.levelno >= logging.WARNING
    ]


class _WorkerKiller:
    """Kills each new worker once its host is at work."""

    def __init__(self, farm: OwnFarm, times: int) -> None:
        self._farm, self._times, self.killed = farm, times, list[int]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.join = self._thread.join

    def _run(self) -> None:
        for _ in range(self._times):
            until(lambda: bool(self._at_work()))
            [victim] = self._at_work()
            self._farm.kill_worker(victim)
            self.killed.append(victim)

    def _at_work(self) -> list[int]:
        hosts = [pid for pid in self._farm.host_pids() if processor_seconds(pid) > 0.2]
        return [
            pid
            for pid in self._farm.worker_pids()
            if pid not in self.killed and any(is_parent(pid, host) for host in hosts)
        ]


def is_parent(pid: int, of: int) -> bool:
    try:
        return pid in {one.pid for one in psutil.Process(of).parents()}
    except psutil.NoSuchProcess:
        return False
