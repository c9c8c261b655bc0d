"""How near a design is to its specs."""

from __future__ import annotations

import math

import pytest

from circuits.shortfall import shortfall
from circuits.spec import Direction, Spec

GAIN = Spec(metric="gain", direction=Direction.ABOVE, threshold=-6, norm=6, weight=1, penalty=-2)
POWER = Spec(metric="power", direction=Direction.BELOW, threshold=2, norm=1, weight=-1, penalty=-9)
OFFSET = Spec(metric="offset", direction=Direction.ABOVE, threshold=0, norm=4, weight=1, penalty=-1)


def test_what_is_met_counts_nothing() -> None:
    assert shortfall({"gain": -5.9, "power": 1.9}, (GAIN, POWER)) == 0
    assert shortfall({"gain": -6.0, "power": 1.9}, (GAIN, POWER)) == 0, "as near as can be"


def test_distance_is_in_parts_of_the_threshold_and_never_counts_more_than_one() -> None:
    assert shortfall({"power": 4.0}, (POWER,)) == pytest.approx(1 / 2)
    assert shortfall({"power": 2.02}, (POWER,)) == pytest.approx(0.01 / 1.01)
    assert shortfall({"offset": -4.0}, (OFFSET,)) == pytest.approx(1 / 2), "of the norm at 0"
    assert shortfall({"gain": -6.02}, (GAIN,)) < shortfall({"gain": -17.18}, (GAIN,)) < 1


@pytest.mark.parametrize("value", [None, math.nan, -math.inf, -1.7e308])
def test_what_was_not_measured_is_as_far_as_can_be(value: float | None) -> None:
    assert shortfall({"gain": value, "power": 1.0}, (GAIN, POWER)) == 1
    assert shortfall({}, (GAIN, POWER)) == 2
