"""The screen: what it takes, what it turns away, and that it stays cheap."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.proposers.screening import SAME, Screen
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()


def designs(count: int) -> list[dict[str, float]]:
    """So many designs on the grid, no two alike."""
    points = np.random.default_rng(1).random((count, len(CIRCUIT.variables)))
    return [CIRCUIT.snap(CIRCUIT.from_unit(point.tolist())) for point in points]


@pytest.mark.parametrize("known", [0, 1, 16, 40])
def test_each_design_is_taken_once(known: int) -> None:
    all_designs = designs(100)
    screen = Screen(CIRCUIT, all_designs[:known])
    for values in all_designs[known:]:
        assert screen.take(values) == values
    assert [screen.take(values) for values in all_designs] == [None] * 100


def test_a_place_that_is_not_taken_is_no_design() -> None:
    screen = Screen(CIRCUIT, [])
    corner = CIRCUIT.from_unit([0.0] * len(CIRCUIT.variables))
    assert screen.take(designs(1)[0]) is not None
    assert screen.take(corner) is not None
    near = CIRCUIT.from_unit([SAME / 10] * len(CIRCUIT.variables))
    assert screen.take(near) is None


def test_known_designs_are_not_copied_for_each_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    vstack = np.vstack

    def counted(arrays: list[np.ndarray]) -> np.ndarray:
        copied.append(len(arrays[0]))
        return vstack(arrays)

    monkeypatch.setattr("ado_service.proposers.screening.np.vstack", counted)
    screen = Screen(CIRCUIT, [])
    for values in designs(1000):
        screen.take(values)
    assert copied, "grown otherwise: count what that copies"
    assert sum(copied) < 3 * 1000
