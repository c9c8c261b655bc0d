"""Mismatch on real simulations: what is drawn has the statistics that circuit.yaml asks for."""

from __future__ import annotations

import math
import statistics

import pytest

from circuits.definition import Circuit, Corner
from circuits.errors import CircuitError
from circuits.folder import LIBRARY
from circuits.loader import load_circuit
from circuits.variable import Variable
from simulators.check import check_circuit
from simulators.netlist.deck import build_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import SimulationResult
from simulators.yield_estimate import has_mismatch, mismatch_samples
from tests.simulators.small import circuit

CARD = (LIBRARY.parent / "models" / "generic90.mod").read_text(encoding="utf-8")
PAIR = f"""* two equal diodes in subcircuits, one current each; their gate voltages
i1 0 a 10u
i2 0 b 10u
xleft a diode
xright b diode
.subckt diode g
mn1 g g 0 0 nch w={{w}} l=1u m={{copies}}
.ends diode
.param copies=1
{CARD}
vsweep s 0 1
.dc vsweep 1 1 1
.meas dc left max v(a)
.meas dc right max v(b)
"""
SAMPLES = 300


def pair(**mismatch: float) -> Circuit:
    return circuit(
        PAIR,
        metrics={"difference": "left - right", "left": ""},
        variables=(Variable(name="w", unit="m", low=1e-6, high=1e-4),),
        parameters={"copies": 1.0},
        mismatch={"nch": mismatch},
    )


def simulate(found: Circuit, width: float, seed: int = 1) -> list[SimulationResult]:
    with NgspiceSimulator(found, processes=2) as simulator:
        return simulator.run(mismatch_samples({"w": width}, SAMPLES, seed))


def once(found: Circuit, *designs: dict[str, float]) -> list[SimulationResult]:
    with NgspiceSimulator(found, processes=1) as simulator:
        return simulator.run(designs)


def values(results: list[SimulationResult], metric: str) -> list[float]:
    found = [result.metrics()[metric] for result in results]
    return [value for value in found if value is not None]


@pytest.fixture(scope="module")
def drawn() -> list[SimulationResult]:
    return simulate(pair(avt=2.5e-9), 4e-6)


def near(sigma: float) -> object:
    """Three of its own standard deviations: 1 / sqrt(2 n) of it each."""
    return pytest.approx(sigma, rel=3 / math.sqrt(2 * SAMPLES))


def test_thresholds_are_off_by_avt_over_the_root_of_the_area(
    drawn: list[SimulationResult],
) -> None:
    expected = 2.5e-9 / math.sqrt(4e-6 * 1e-6)
    assert len(values(drawn, "left")) == SAMPLES
    assert statistics.stdev(values(drawn, "left")) == near(expected)


def test_devices_are_drawn_each_by_itself(drawn: list[SimulationResult]) -> None:
    expected = math.sqrt(2) * 2.5e-9 / math.sqrt(4e-6 * 1e-6)
    assert statistics.stdev(values(drawn, "difference")) == near(expected)


def test_multipliers_count_as_area() -> None:
    found = pair(avt=2.5e-9)
    four = found.model_copy(update={"parameters": {"copies": 4.0}})
    expected = 2.5e-9 / math.sqrt(4 * 4e-6 * 1e-6)
    assert statistics.stdev(values(simulate(four, 4e-6), "left")) == near(expected)


def test_current_factors_are_off_by_abeta_over_the_root_of_the_area() -> None:
    """At one current a factor 1 + x shifts the gate voltage by -x Id / gm."""
    found = pair(abeta=1e-8)
    [nominal] = once(found, {"w": 4e-6})
    [device] = [one for path, one in nominal.corners["nominal"].devices.items() if "left" in path]
    expected = 1e-8 / math.sqrt(4e-6 * 1e-6) * device.id / device.gm
    assert statistics.stdev(values(simulate(found, 4e-6), "left")) == pytest.approx(
        expected, rel=0.2
    )


def test_the_same_seed_is_the_same_device(drawn: list[SimulationResult]) -> None:
    again = simulate(pair(avt=2.5e-9), 4e-6)
    assert [one.corners for one in again] == [one.corners for one in drawn]
    other = simulate(pair(avt=2.5e-9), 4e-6, seed=2)
    assert [one.corners for one in other] != [one.corners for one in drawn]


def test_no_sample_is_the_nominal_design() -> None:
    found = pair(avt=2.5e-9)
    first, second = once(found, {"w": 4e-6}, {"w": 4e-6, "mismatch_sample": 0.0})
    assert first.corners == second.corners
    assert first.metrics()["difference"] == 0.0


@pytest.mark.parametrize("name", ["two_stage_amplifier", "hysteresis_comparator"])
def test_the_library_has_mismatch(name: str) -> None:
    found = load_circuit(name)
    middle = {variable.name: variable.from_unit(0.5) for variable in found.variables}
    assert has_mismatch(found, build_decks(found), middle)
    bare = found.model_copy(update={"mismatch": {}})
    assert not has_mismatch(bare, build_decks(bare), middle)


def test_a_model_that_no_device_has_is_a_finding() -> None:
    found = pair(avt=1e-9)
    check_circuit(found)
    wrong = found.model_copy(update={"mismatch": {"nhc": found.mismatch["nch"]}})
    with pytest.raises(CircuitError, match="mismatch: no MOS device has the model 'nhc'"):
        check_circuit(wrong)


def test_copies_in_parallel_match_better_however_they_are_written() -> None:
    """m=4 on the device or on its instance: a quarter of the variance."""
    shifts: dict[str, list[float]] = {}
    texts = {
        "device": "x1 a s\n.subckt s p\nmn1 p p 0 0 nch w={r*1e-9} l=1u m=4\n.ends\n",
        "instance": "x1 a s m=4\n.subckt s p\nmn1 p p 0 0 nch w={r*1e-9} l=1u\n.ends\n",
    }
    for name, text in texts.items():
        netlist = f"* t\nv1 a 0 1\n.op\n{text}{CARD}"
        [deck] = build_decks(circuit(netlist, mismatch={"nch": {"avt": 3e-9, "abeta": 1e-8}}))
        for sample in range(1, 400):
            lines = deck.numbers({"r": 1e3, "mismatch_sample": sample}, Corner())
            [line] = [one for one in lines if one.startswith("m.x1.mn1")]
            shifts.setdefault(name, []).append(float(line.split("delvto=")[1].split()[0]))
    sigma = 3e-9 / math.sqrt(1e-6 * 1e-6 * 4)
    for found in shifts.values():
        assert statistics.pstdev(found) == pytest.approx(sigma, rel=0.15)
