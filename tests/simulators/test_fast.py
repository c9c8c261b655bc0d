"""The fast mode: circuits altered in place, to the results of a reload."""

from __future__ import annotations

import os
import random
import re
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from circuits.definition import Circuit, Corner
from circuits.loader import library_names, load_circuit
from simulators.ngspice.altered import outline
from simulators.ngspice.nodesets import prepared_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult
from simulators.starting import starting_design
from tests.simulators.battery import OpenPool, SimulatorBattery
from tests.simulators.small import DIVIDER, circuit
from tests.simulators.test_ngspice_simulator import Killer, bits, designs, expected_gain

AMPLIFIER = load_circuit("two_stage_amplifier")
DESIGNS = 15
TOLERANCE = 1e-4


@pytest.fixture
def open_pool(opened: list[NgspiceSimulator]) -> OpenPool:
    def open_it(circuit: Circuit, **options: object) -> NgspiceSimulator:
        opened.append(NgspiceSimulator(circuit, processes=2, fast=True, **options))  # type: ignore[arg-type]
        return opened[-1]

    return open_it


class TestFastPool(SimulatorBattery):
    """`NgspiceSimulator` in its fast mode: all that is asked of any simulator, bits included."""

    @pytest.mark.parametrize("name", ["two_stage_amplifier", "hysteresis_comparator"])
    def test_the_local_pools_bits(self, open_pool: OpenPool, name: str) -> None:
        """All but the name of the simulator."""
        found = load_circuit(name)
        sampled = [starting_design(found), *designs(found, 11)]
        with NgspiceSimulator(found, processes=2) as local:
            assert bits(open_pool(found).run(sampled)) == bits(local.run(sampled))

    def test_the_version_is_known_before_the_first_design(self, open_pool: OpenPool) -> None:
        """And says that circuits are altered."""
        with open_pool(circuit(DIVIDER)) as pool:
            version = pool.version
            assert re.fullmatch(r"ngspice-\d+(\.\d+)? fast", version)
            [result] = pool.run([{"r": 1e3}])
        assert result.simulator == version


def close(found: SimulationResult, expected: SimulationResult) -> bool:
    """Whether each metric of each corner is the same within the tolerance, failures alike."""
    assert found.failure == expected.failure
    assert found.corners.keys() == expected.corners.keys()
    for name, corner in expected.corners.items():
        metrics = found.corners[name].metrics
        for metric, value in corner.metrics.items():
            wanted = None if value is None else pytest.approx(value, rel=TOLERANCE)
            assert metrics[metric] == wanted, (name, metric)
        assert found.corners[name].devices.keys() == corner.devices.keys()
    return True


@pytest.mark.parametrize("name", library_names())
def test_random_designs_equal_a_reload(name: str) -> None:
    """In every corner, temperatures and processes of their own, whatever was loaded before."""
    found = load_circuit(name)
    decks = prepared_decks(found)
    sampled = [starting_design(found), *designs(found, DESIGNS, seed=11)]
    with (
        NgspiceSimulator(found, processes=2, decks=decks) as reloading,
        NgspiceSimulator(found, processes=1, decks=decks, fast=True) as fast,
    ):
        expected = reloading.run(sampled)
        forward, backward = fast.run(sampled), fast.run(sampled[::-1])[::-1]
    for one, other, reloaded in zip(forward, backward, expected, strict=True):
        assert close(one, reloaded)
        assert close(other, reloaded)
    assert expected[0].failure is None  # the netlist's own sizes; random ones mostly fail
    assert any(len(result.corners) == len(found.corners) for result in expected)


def op_ac(corners: int) -> Circuit:
    """The sky130 amplifier without its transient, in its first corners."""
    found = load_circuit("sky130_two_stage_amplifier")
    return found.model_copy(
        update={"testbenches": found.testbenches[:1], "corners": found.corners[:corners],
                "metrics": tuple(m for m in found.metrics if m.name in {"gain", "gbw", "pm"})}
    )  # fmt: skip


def around(found: Circuit, count: int, reach: float) -> list[dict[str, float]]:
    """Designs within `reach` of each axis around the netlist's own sizes."""
    rng = random.Random(5)
    centre = found.to_unit(starting_design(found))
    return [found.from_unit([part + rng.uniform(-reach, reach) for part in centre])
            for _ in range(count)]  # fmt: skip


def test_neighbours_that_cross_bins_equal_a_reload_bit_for_bit() -> None:
    """Most share their bins, some do not: loaded circuits are taken up and left again."""
    found = op_ac(corners=3)
    decks = prepared_decks(found)
    sampled = around(found, 40, 0.02)
    shapes = [
        outline(decks[0].numbers({**found.parameters, **values}, found.corners[0])).shape
        for values in sampled
    ]
    assert 1 < len(set(shapes)) < len(shapes) / 2
    assert any(one != other for one, other in pairwise(shapes))
    with (
        NgspiceSimulator(found, processes=2, decks=decks) as reloading,
        NgspiceSimulator(found, processes=1, decks=decks, fast=True) as fast,
    ):
        assert bits(fast.run(sampled)) == bits(reloading.run(sampled))


def test_corners_of_other_temperatures_and_supplies() -> None:
    found = AMPLIFIER.model_copy(
        update={
            "corners": (
                Corner(name="nominal"),
                Corner(name="hot", temperature=125.0, parameters={"vdd": 1.8}),
                Corner(name="cold", temperature=-40.0, parameters={"vdd": 2.2}),
            )
        }
    )
    sampled = designs(found, 10, seed=4)
    with (
        NgspiceSimulator(found, processes=1) as reloading,
        NgspiceSimulator(found, processes=1, fast=True) as fast,
    ):
        results = fast.run(sampled)
        assert bits(results) == bits(reloading.run(sampled))
    whole = [result for result in results if result.failure is None]
    assert whole
    for result in whole:
        gains = {corner.metrics["gain"] for corner in result.corners.values()}
        assert len(gains) == 3


def test_a_crash_costs_a_retry_and_what_was_loaded() -> None:
    sampled = designs(AMPLIFIER, 4)
    with NgspiceSimulator(AMPLIFIER, processes=1, fast=True) as simulator:
        first = bits(simulator.run(sampled))
        [pid] = simulator.host_pids()
        os.kill(pid, signal.SIGKILL)
        assert bits(simulator.run(sampled)) == first
        assert simulator.host_pids() != [pid]


def test_a_crash_in_mid_task() -> None:
    text = DIVIDER + "c1 out 0 1p\nb1 x 0 v=sin(1e9*time)\n.tran {1e-16*(r-999)} 1e-6\n"
    with NgspiceSimulator(circuit(text), processes=1, time_limit=1.5, fast=True) as simulator:
        [good] = simulator.run([{"r": 1e4}])
        killer = Killer(simulator, times=1)
        [slow] = simulator.run([{"r": 1e3}])
        killer.join()
        assert len(killer.killed) == 1
        assert slow.failure is FailureKind.TIMEOUT  # the second try was left alone
        assert bits(simulator.run([{"r": 1e4}])) == bits([good])


def test_after_a_time_out_the_next_design_works() -> None:
    text = DIVIDER + "c1 out 0 1p\n.tran {1e-13*(r-999)**3} 1e-6\n"
    sampled = [{"r": 1e4}, {"r": 1e3}, {"r": 9e3}]
    with NgspiceSimulator(circuit(text), processes=1, time_limit=0.5, fast=True) as simulator:
        first, slow, fast = simulator.run(sampled)
    assert slow.failure is FailureKind.TIMEOUT
    assert first.metrics()["gain"] == expected_gain(1e4)
    assert fast.metrics()["gain"] == expected_gain(9e3)


def test_memory_stays_flat() -> None:
    """Of a host that alters, and of one that loads and drops circuits of ever new bins."""
    for found in (AMPLIFIER, op_ac(corners=1)):
        sampled = designs(found, 150, seed=3)
        with NgspiceSimulator(found, processes=1, fast=True) as simulator:
            first = bits(simulator.run(sampled))
            simulator.run(sampled)
            [pid] = simulator.host_pids()
            early = resident(pid)
            for _ in range(6):
                last = bits(simulator.run(sampled))
            assert simulator.host_pids() == [pid]
            assert resident(pid) < early * 1.1
        assert last == first


def resident(pid: int) -> int:
    """Pages of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
