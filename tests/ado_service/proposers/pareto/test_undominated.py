"""The boxes that a front leaves open: against BoTorch's hypervolume, and by sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from numpy.typing import NDArray

from ado_service.proposers.pareto.undominated import Undominated

Array = NDArray[np.float64]


def botorch_volume(Y: Array) -> float:
    points = torch.tensor(Y).clamp(min=0.0)
    volume = Hypervolume(torch.zeros(Y.shape[1], dtype=torch.double))
    return volume.compute(points[is_non_dominated(points)])


def left_by(Y: Array, top: float = 2.0) -> Undominated:
    left = Undominated.within(np.full(Y.shape[1], top))
    for point in Y:
        left = left.without(point)
    return left


@pytest.mark.parametrize("m", [2, 3])
def test_a_point_gains_what_botorch_says(m: int) -> None:
    rng = np.random.default_rng(m)
    front, more = rng.uniform(-0.3, 1.0, (12, m)), rng.uniform(-0.3, 1.2, (20, m))
    left = left_by(front)
    expected = [botorch_volume(np.vstack([front, one])) - botorch_volume(front) for one in more]
    assert left.gained(more) == pytest.approx(expected, abs=1e-12)
    assert max(expected) > 0
    assert left.gained(front) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_boxes_fill_what_the_front_does_not(m: int) -> None:
    front = np.random.default_rng(5).uniform(0.0, 1.5, (10, m))
    left = left_by(front)
    assert float((left.high - left.low).prod(axis=1).sum()) == pytest.approx(
        2.0**m - botorch_volume(front)
    )


@pytest.mark.parametrize("m", [2, 3])
def test_the_expectation_is_the_mean_over_samples(m: int) -> None:
    rng = np.random.default_rng(7)
    left = left_by(rng.uniform(0.0, 1.0, (6, m)))
    mean, spread = rng.uniform(0.2, 1.2, (4, m)), rng.uniform(0.05, 0.5, (4, m))
    samples = mean[0] + spread[0] * rng.standard_normal((40_000, m))
    by_samples = float(left.gained(samples).mean())
    assert left.expected(mean, spread)[0] == pytest.approx(by_samples, rel=0.05)
    sure = left.expected(mean, np.full_like(spread, 1e-9))
    assert sure == pytest.approx(left.gained(mean), abs=1e-6)


def test_a_dominated_point_and_one_below_zero_take_nothing() -> None:
    left = left_by(np.array([[1.0, 1.0]]))
    assert left.without(np.array([0.5, 1.0])) is left
    assert left.without(np.array([-0.1, 1.9])) is left
