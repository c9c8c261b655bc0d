"""Slacks: on which side of a spec a metric is, back again, and its terms of the FOM."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.proposers.surrogate.slack import SlackScale
from circuits.spec import Direction, Spec

ABOVE = Spec(
    metric="gbw", direction=Direction.ABOVE, threshold=1e6, norm=1e7, weight=1, penalty=-1, clip=1.2
)
BELOW = Spec(
    metric="power", direction=Direction.BELOW, threshold=3e-5, norm=3e-5, weight=-1, penalty=-3
)
GAIN = Spec(metric="gain", direction=Direction.ABOVE, threshold=60, norm=60, weight=1, penalty=-1)
ZERO = Spec(metric="x", direction=Direction.ABOVE, threshold=0, norm=5, weight=1, penalty=-1)
SCALES = [
    (SlackScale.of(ABOVE, "Hz", [1e3, 5e6]), [1e3, 9e5, 1.1e6, 1e8]),
    (SlackScale.of(BELOW, "W", [1e-6]), [1e-7, 2.9e-5, 3.1e-5, 1e-2]),
    (SlackScale.of(GAIN, "dB", [-20.0]), [-80.0, 0.0, 59.0, 61.0, 140.0]),
    (SlackScale.of(ZERO, "V", [-2.0, 3.0]), [-4.0, -0.1, 0.1, 30.0]),
]


@pytest.mark.parametrize(("scale", "values"), SCALES, ids=lambda one: str(one)[:20])
def test_slack_is_positive_where_the_spec_is_met_and_turns_back(
    scale: SlackScale, values: list[float]
) -> None:
    slacks = [scale.slack(value) for value in values]
    assert [slack > 0 for slack in slacks] == [scale.spec.met(value) for value in values]
    assert scale.metric(np.array(slacks)) == pytest.approx(values, rel=1e-9)
    order = np.argsort(values)
    rising = np.diff(np.array(slacks)[order])
    assert (rising > 0).all() or (rising < 0).all()


@pytest.mark.parametrize(("scale", "values"), SCALES, ids=lambda one: str(one)[:20])
def test_terms_are_those_of_the_figure_of_merit(scale: SlackScale, values: list[float]) -> None:
    slacks = np.array([scale.slack(value) for value in values])
    assert scale.terms(slacks) == pytest.approx([scale.spec.term(value) for value in values])


def test_only_positive_quantities_are_taken_in_the_logarithm() -> None:
    assert SlackScale.of(ABOVE, "Hz", [1.0]).log
    assert not SlackScale.of(ABOVE, "Hz", [-1.0]).log
    assert not SlackScale.of(GAIN, "dB", [1.0]).log
    assert not SlackScale.of(ZERO, "V", []).log


def test_nothing_is_infinitely_bad() -> None:
    scale = SlackScale.of(ABOVE, "Hz", [])
    assert -20 < scale.slack(0.0) < -1
