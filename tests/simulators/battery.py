"""What every implementation of `Simulator` has to do: one battery, run on each of them.

A test module derives a class from `SimulatorBattery` and gives it the fixtures `open_pool` and
`hosts`; pytest then runs all of these tests on it.
"""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from circuits.definition import Circuit, Corner
from circuits.loader import load_circuit
from simulators.gating import Gate
from simulators.netlist.deck import build_decks
from simulators.ngspice.errors import SimulatorClosedError
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.protocol import Simulator
from simulators.result import FailureKind, SimulationResult
from simulators.starting import starting_design
from tests.simulators.small import DIVIDER, SLOW, circuit

AMPLIFIER = load_circuit("two_stage_amplifier")
R2 = 1e3


class OpenPool(Protocol):
    """Opens the implementation under test with two hosts; the test closes it."""

    def __call__(self, circuit: Circuit, **options: Any) -> Simulator: ...


Hosts = Callable[[], list[int]]
"""Process ids of the hosts that now simulate, or wait to, for the implementation under test."""


class SimulatorBattery:
    """The contract of `simulators.protocol.Simulator`, test by test."""

    @pytest.mark.parametrize("name", ["two_stage_amplifier", "hysteresis_comparator"])
    def test_the_local_pools_bits(self, open_pool: OpenPool, name: str) -> None:
        found = load_circuit(name)
        sampled = [starting_design(found), *designs(found, 11)]
        with NgspiceSimulator(found, processes=2) as local, open_pool(found) as pool:
            expected, results = local.run(sampled), pool.run(sampled)
        assert bits(results) == bits(expected)
        assert any(result.failure is None for result in results)

    def test_results_come_in_the_order_of_their_designs(self, open_pool: OpenPool) -> None:
        values = [{"r": 1e3 + 100 * place} for place in range(20)]
        with open_pool(circuit(DIVIDER)) as pool:
            results = pool.run(values)
        assert [result.metrics()["gain"] for result in results] == [
            gain_at(one["r"]) for one in values
        ]

    def test_a_result_depends_on_the_design_alone(self, open_pool: OpenPool) -> None:
        sampled = designs(AMPLIFIER, 6)
        with open_pool(AMPLIFIER) as pool:
            first = bits(pool.run(sampled))
            pool.run(designs(AMPLIFIER, 30, seed=2))
            assert bits(pool.run(sampled)) == first
            assert bits(pool.run(sampled[::-1])) == first[::-1]

    def test_stream_gives_each_index_once(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            indices = [index for index, _ in pool.stream([{"r": 1e3}] * 9)]
        assert sorted(indices) == list(range(9))

    def test_stream_does_not_wait_for_the_slow(self, open_pool: OpenPool) -> None:
        """The slow design is the first; the others are there before it."""
        text = DIVIDER + "c1 out 0 1p\n.tran {1e-13*(r-999)**3} 1e-6\n"
        with open_pool(circuit(text), time_limit=4.0) as pool:
            found = list(pool.stream([{"r": 1e3}, *({"r": 1e4},) * 5]))
        assert found[-1][0] == 0
        assert found[-1][1].failure is FailureKind.TIMEOUT
        assert all(result.failure is None for _, result in found[:-1])

    def test_no_designs(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            assert pool.run([]) == []
            assert list(pool.stream([])) == []

    def test_the_version_is_known_before_the_first_design(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            version = pool.version
            [result] = pool.run([{"r": 1e3}])
            assert re.fullmatch(r"ngspice-\d+(\.\d+)?", version)
            assert result.simulator == pool.version == version

    def test_measures_and_seconds(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            [result] = pool.run([{"r": 2e3}])
        assert result.corners["nominal"].measures == {"gain": gain_at(2e3)}
        assert (result.failure, result.message, result.skipped) == (None, "", ())
        assert 0 < result.seconds < 30

    def test_numpy_scalars(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            plain, *others = pool.run(
                [{"r": kind(2000)} for kind in (float, np.float64, np.float32, np.int64)]
            )
        assert bits(others) == bits([plain] * 3)

    def test_a_value_that_is_missing_or_none_raises(self, open_pool: OpenPool) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            with pytest.raises(KeyError, match="r"):
                pool.run([{}])
            with pytest.raises(ValueError, match="could not convert"):
                pool.run([{"r": "x"}])  # type: ignore[dict-item]
            assert pool.run([{"r": 1e3}])[0].failure is None

    def test_corners(self, open_pool: OpenPool) -> None:
        corners = (
            Corner(),
            Corner(name="hot", temperature=125, parameters={"k": 3}),
            Corner(name="cold", temperature=-40),
        )
        text = DIVIDER.replace("r2 out 0 1k", "r2 out 0 {1k*k} tc1=1e-3")
        found = circuit(text, corners=corners, parameters={"k": 1.0})
        with open_pool(found) as pool:
            [result] = pool.run([{"r": 1e3}])
        for corner in corners:
            r2 = 1e3 * (3 if corner.name == "hot" else 1) * (1 + 1e-3 * (corner.temperature - 27))
            assert result.metrics(corner.name)["gain"] == pytest.approx(r2 / (r2 + 1e3), rel=1e-6)

    def test_decks_that_were_built_before(self, open_pool: OpenPool) -> None:
        """Ready-made decks need no file: where a pool runs, there may be no PDK."""
        found = circuit(DIVIDER)
        decks = build_decks(found)
        with open_pool(found.model_copy(update={"files": {}}), decks=decks) as pool:
            assert pool.run([{"r": 1e3}])[0].metrics()["gain"] == gain_at(1e3)

    def test_a_gate_leaves_out_what_a_design_is_not_worth(self, open_pool: OpenPool) -> None:
        found = circuit(DIVIDER, corners=(Corner(), Corner(name="hot", temperature=125)))
        spec = found.specs()[0].model_copy(update={"threshold": 0.3})
        with open_pool(found, gate=Gate((spec,))) as pool:
            good, bad = pool.run([{"r": 1e3}, {"r": 9e3}])
        assert (list(good.corners), good.skipped) == (["nominal", "hot"], ())
        assert (list(bad.corners), bad.skipped) == (["nominal"], ("hot",))

    def test_no_convergence_is_a_failure(self, open_pool: OpenPool) -> None:
        text = DIVIDER + "b1 x 0 i=exp(40*v(x))*(r-1e3)+1\nb2 y 0 v=1-2*sgn(v(y))*(r-1e3)\n"
        with open_pool(circuit(text), time_limit=10.0) as pool:
            good, bad, again = pool.run([{"r": 1e3}, {"r": 2e3}, {"r": 1e3}])
        assert bad.failure is FailureKind.NO_CONVERGENCE
        assert bad.message.startswith("b0: ")
        assert bad.metrics() == {"gain": None}
        assert bits([again]) == bits([good])

    def test_a_bad_netlist_is_a_failure_with_file_and_line(self, open_pool: OpenPool) -> None:
        benches = ["* t\nv1 a 0 1\nr1 a 0 {r} zork=1\n.op\n", SLOW]
        with open_pool(circuit(*benches), time_limit=20.0) as pool:
            [result] = pool.run([{"r": 1e3}])
        assert result.failure is FailureKind.BAD_NETLIST
        assert "b0: b0.cir:3: " in result.message

    def test_a_measure_that_fails_leaves_the_others(self, open_pool: OpenPool) -> None:
        text = DIVIDER + ".meas ac never when vm(out)=7\n"
        metrics = {"gain": "", "never": "", "sum": "gain + never"}
        with open_pool(circuit(text, metrics=metrics)) as pool:
            [result] = pool.run([{"r": 1e3}])
        assert result.failure is FailureKind.MEASURE_FAILED
        assert result.message == "b0: no value for never"
        assert result.metrics() == {"gain": gain_at(1e3), "never": None, "sum": None}

    def test_a_design_beyond_its_time_is_a_failure(self, open_pool: OpenPool, hosts: Hosts) -> None:
        with open_pool(circuit(SLOW), time_limit=0.5) as pool:
            [result] = pool.run([{"r": 1e3}])
            assert hosts() == []
        assert result.failure is FailureKind.TIMEOUT
        assert result.message == "the design took longer than 0.5 s"
        assert result.corners == {}

    def test_after_a_time_out_the_next_design_works(self, open_pool: OpenPool) -> None:
        text = DIVIDER + "c1 out 0 1p\n.tran {1e-13*(r-999)**3} 1e-6\n"
        with open_pool(circuit(text), time_limit=0.5) as pool:
            slow, fast = pool.run([{"r": 1e3}, {"r": 1e4}])
        assert slow.failure is FailureKind.TIMEOUT
        assert fast.failure is None
        assert fast.metrics()["gain"] == gain_at(1e4)

    def test_an_idle_host_that_was_killed_is_replaced(
        self, open_pool: OpenPool, hosts: Hosts
    ) -> None:
        with open_pool(circuit(DIVIDER)) as pool:
            pool.run([{"r": 1e3}] * 4)
            killed = hosts()
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            results = pool.run([{"r": 2e3}] * 4)
            assert killed
            assert set(hosts()) - set(killed)
        assert [result.failure for result in results] == [None] * 4
        assert [result.metrics()["gain"] for result in results] == [gain_at(2e3)] * 4

    def test_a_host_killed_in_mid_design_costs_a_retry(
        self, open_pool: OpenPool, hosts: Hosts
    ) -> None:
        """The second try is left alone, and outlasts its time as it would have at first."""
        with open_pool(circuit(SLOW), time_limit=2.0) as pool:
            killer = Killer(hosts, times=1)
            [result] = pool.run([{"r": 1e3}])
            killer.join()
        assert len(killer.killed) == 1
        assert result.failure is FailureKind.TIMEOUT

    def test_a_host_that_dies_each_time_is_a_crash(self, open_pool: OpenPool, hosts: Hosts) -> None:
        with open_pool(circuit(SLOW), time_limit=20.0) as pool:
            killer = Killer(hosts, times=2)
            [result] = pool.run([{"r": 1e3}])
            killer.join()
        assert len(set(killer.killed)) == 2
        assert result.failure is FailureKind.SIMULATOR_CRASH
        assert result.corners == {}

    def test_a_caller_that_stops_early_leaves_the_pool_whole(self, open_pool: OpenPool) -> None:
        """What it left does not stand in the way: 500 slow designs would take half an hour."""
        text = DIVIDER + "c1 out 0 1p\n.tran {1e-13*(r-999)**3} 1e-6\n"
        with open_pool(circuit(text), time_limit=3.0) as pool:
            with closing(pool.stream([{"r": 1e4}] + [{"r": 1e3}] * 500)) as stream:  # type: ignore[type-var]
                next(stream)
            assert pool.run([{"r": 1e4}])[0].failure is None

    def test_threads_share_it(self, open_pool: OpenPool) -> None:
        sampled = designs(AMPLIFIER, 8)
        with open_pool(AMPLIFIER) as pool:
            alone = bits(pool.run(sampled))
            found: dict[int, object] = {}
            threads = [
                threading.Thread(target=lambda n=n: found.update({n: bits(pool.run(sampled))}))
                for n in range(3)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert found == dict.fromkeys(range(3), alone)

    def test_close_in_mid_run(self, open_pool: OpenPool, hosts: Hosts) -> None:
        pool = open_pool(circuit(SLOW), time_limit=100.0)
        raised: list[BaseException] = []

        def run() -> None:
            try:
                pool.run([{"r": 1e3}] * 5)
            except SimulatorClosedError as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: len(busy(hosts())) == 2)
        pids = hosts()
        pool.close()
        thread.join(20)
        assert not thread.is_alive()
        assert len(raised) == 1
        until(lambda: not any(alive(pid) for pid in pids))

    def test_closed(self, open_pool: OpenPool, hosts: Hosts) -> None:
        pool = open_pool(circuit(DIVIDER))
        pool.run([{"r": 1e3}] * 4)
        pids = hosts()
        assert pids
        pool.close()
        pool.close()
        until(lambda: not any(alive(pid) for pid in pids))
        with pytest.raises(SimulatorClosedError, match="closed; open a new one"):
            pool.run([{"r": 1e3}])


class Killer(threading.Thread):
    """Kills each new host once it is at work."""

    def __init__(self, hosts: Hosts, times: int) -> None:
        super().__init__(daemon=True)
        self.hosts, self.times, self.killed = hosts, times, list[int]()
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while len(self.killed) < self.times and time.monotonic() < deadline:
            for pid in busy(self.hosts()):
                if pid not in self.killed and len(self.killed) < self.times:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(pid)
            time.sleep(0.02)


def busy(pids: list[int]) -> list[int]:
    """Those that have simulated for a while."""
    return [pid for pid in pids if processor_seconds(pid) > 0.3]


def designs(found: Circuit, count: int, seed: int = 1) -> list[dict[str, float]]:
    rng = random.Random(seed)
    return [found.from_unit([rng.random() for _ in found.variables]) for _ in range(count)]


def bits(results: list[SimulationResult]) -> list[SimulationResult]:
    """All but the wall time."""
    return [result.model_copy(update={"seconds": 0.0}) for result in results]


def gain_at(r: float) -> object:
    return pytest.approx(R2 / (R2 + r), rel=1e-6)


def processor_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return []


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
