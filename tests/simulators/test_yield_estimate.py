from __future__ import annotations

import random

import pytest
from scipy.stats import binomtest

from circuits.spec import Direction, Spec
from simulators.netlist.deck import build_decks
from simulators.netlist.mismatch import SAMPLE
from simulators.result import CornerResult, FailureKind, SimulationResult
from simulators.yield_estimate import (
    confidence_interval,
    estimate_yield,
    has_mismatch,
    mismatch_samples,
    spread,
)
from tests.simulators.small import DIVIDER, circuit

SPECS = (
    Spec(metric="gain", direction=Direction.ABOVE, threshold=1, norm=1, weight=1, penalty=-1),
    Spec(metric="power", direction=Direction.BELOW, threshold=2, norm=1, weight=-1, penalty=-3),
)


def result(gain: float | None, power: float) -> SimulationResult:
    return SimulationResult(
        corners={"nominal": CornerResult(metrics={"gain": gain, "power": power})}
    )


@pytest.mark.parametrize(("passed", "samples"), [(0, 20), (1, 20), (17, 20), (20, 20), (181, 200)])
def test_the_interval_is_the_exact_one(passed: int, samples: int) -> None:
    exact = binomtest(passed, samples).proportion_ci(0.95, method="exact")
    assert confidence_interval(passed, samples) == pytest.approx((exact.low, exact.high))


def test_the_interval_holds_as_often_as_it_says() -> None:
    draw = random.Random(7)
    inside = 0
    for _ in range(2000):
        passed = sum(draw.random() < 0.9 for _ in range(50))
        low, high = confidence_interval(passed, 50)
        inside += low <= 0.9 <= high
    assert inside / 2000 >= 0.95


def test_yield_misses_and_failures_are_counted() -> None:
    lost = SimulationResult(failure=FailureKind.TIMEOUT)
    found = estimate_yield([result(2, 1), result(0.5, 3), result(None, 1), lost], SPECS)
    assert (found.samples, found.passed, found.share) == (4, 1, 0.25)
    assert found.missed == {"gain": 3, "power": 2}
    assert found.failures == {"timeout": 1}
    assert found.spreads["gain"].measured == 2
    assert found.spreads["power"].measured == 3
    assert found.low < 0.25 < found.high


def test_spreads_are_those_of_numpy() -> None:
    import numpy as np

    draw = random.Random(3)
    values = [draw.gauss(60, 2) for _ in range(101)]
    found = spread(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sigma == pytest.approx(np.std(values, ddof=1))
    assert found.percentiles == pytest.approx(
        {one: np.percentile(values, one) for one in (5, 50, 95)}
    )
    assert (found.low, found.high) == (min(values), max(values))


def test_a_spread_of_little() -> None:
    assert spread([None]).mean is None
    one = spread([4.0, None])
    assert (one.measured, one.mean, one.sigma, one.percentiles[5]) == (1, 4.0, None, 4.0)


def test_samples_have_seeds_of_their_own_and_more_of_them_go_on() -> None:
    few, many = mismatch_samples({"r": 1e3}, 5, 1), mismatch_samples({"r": 1e3}, 500, 1)
    assert many[:5] == few
    seeds = {one[SAMPLE] for one in many}
    assert len(seeds) == 500
    assert 0 not in seeds
    assert all(float(int(one)) == one for one in seeds)
    assert seeds.isdisjoint(one[SAMPLE] for one in mismatch_samples({"r": 1e3}, 500, 2))


def test_a_circuit_of_resistors_has_no_mismatch() -> None:
    found = circuit(DIVIDER)
    assert not has_mismatch(found, build_decks(found), {"r": 1e3})
