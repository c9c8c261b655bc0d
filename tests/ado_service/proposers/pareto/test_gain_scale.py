"""Metrics of the objective as gains."""

from __future__ import annotations

import math

import pytest

from ado_service.proposers.pareto.gain_scale import GainScale
from ado_service.proposers.protocol import History
from circuits.objective import Objective
from circuits.spec import Spec
from tests.prompts.circuit import SPECS, small_circuit

CIRCUIT = small_circuit()
GAIN, GBW, POWER = SPECS
GOOD = {"gain": 66.0, "gbw": 4 * GBW.threshold, "power": POWER.threshold / 2}
BAD = {"gain": -300.0, "gbw": GBW.threshold / 8, "power": 4 * POWER.threshold}


def scale(aim: str, specs: tuple[Spec, ...] = SPECS, *more: dict[str, float | None]) -> GainScale:
    history = History(CIRCUIT, specs)
    for metrics in ({**GOOD}, {**BAD}, *more):
        history = history.observe(CIRCUIT.from_unit([0.5] * 4), metrics)
    assert history.observations[0].verdict.feasible
    objective = Objective.parse(f"pareto:{aim},missing")
    return GainScale.of(objective.aims[0], history, history.observations)


def test_an_octave_beyond_the_threshold_is_a_unit() -> None:
    assert scale("gbw+").gain(GOOD) == pytest.approx(2.0)
    assert scale("power-").gain(GOOD) == pytest.approx(1.0)
    assert scale("gain+").gain({"gain": GAIN.threshold + 6.0206}) == pytest.approx(1.0, rel=1e-4)


def test_a_spec_that_pulls_the_same_way_is_met_above_zero() -> None:
    for aim, spec in (("gbw+", GBW), ("power-", POWER), ("gain+", GAIN)):
        found = scale(aim)
        assert found.meets
        assert found.gain({spec.metric: spec.threshold}) == pytest.approx(0.0, abs=1e-12)


def test_what_misses_is_compressed_and_keeps_its_order() -> None:
    gbw = scale("gbw+")
    assert gbw.gain(BAD) == pytest.approx(-math.log(4.0))
    gains = [gbw.gain({"gbw": GBW.threshold * 2.0**octaves}) for octaves in range(-9, 9)]
    assert gains == sorted(gains)


def test_what_could_not_be_measured_is_worse_than_all_else() -> None:
    found = scale("gain+")
    for nothing in ({}, {"gain": None}, {"gain": math.nan}):
        assert found.gain(nothing) == found.least < found.gain(BAD)
    assert scale("gbw+").gain({"gbw": 0.0}) == scale("gbw+").least


@pytest.mark.parametrize("specs", [SPECS, (GBW, POWER)])
def test_elsewhere_gains_begin_a_unit_behind_the_worst_feasible_design(
    specs: tuple[Spec, ...],
) -> None:
    found = scale("gain-", specs)
    assert not found.meets
    assert found.gain(GOOD) == pytest.approx(1.0)
    assert found.gain({"gain": 60.0}) > 1.0


def test_a_metric_that_may_be_negative_counts_as_it_is() -> None:
    found = scale("gbw+", SPECS, {**GOOD, "gbw": -1.0})
    assert not found.log
    assert found.gain({"gbw": 1.5 * GBW.threshold}) == pytest.approx(2.0)
