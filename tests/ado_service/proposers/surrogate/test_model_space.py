"""The space of the models: there and back, on grids, and widths seen as ratios."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.proposers.surrogate.model_space import ModelSpace
from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit
from tests.prompts.circuit import small_circuit


@pytest.mark.parametrize("name", library_names())
def test_designs_turn_into_points_and_back(name: str) -> None:
    circuit = load_circuit(name)
    space, rng = ModelSpace(circuit), np.random.default_rng(1)
    designs = [circuit.from_unit(list(rng.random(space.size))) for _ in range(20)]
    X = space.points(designs)
    assert ((X >= 0) & (X <= 1)).all()
    for design, point in zip(designs, X, strict=True):
        assert space.design(point) == pytest.approx(design, rel=1e-9)
    assert space.snapped(X) == pytest.approx(X, abs=1e-9)
    F = space.features(X)
    assert ((F >= -1e-12) & (F <= 1 + 1e-12)).all()
    assert np.linalg.matrix_rank(F - F.mean(axis=0)) == np.linalg.matrix_rank(X - X.mean(axis=0))


def test_points_between_grid_lines_move_onto_them() -> None:
    circuit = small_circuit()
    space = ModelSpace(circuit)
    X = np.random.default_rng(2).random((50, 4))
    for point, snapped in zip(X, space.snapped(X), strict=True):
        assert space.points([space.design(point)])[0] == pytest.approx(snapped, abs=1e-9)
    assert len(np.unique(space.snapped(X)[:, 3].round(9))) <= 8


def test_devices_of_one_ratio_share_a_coordinate() -> None:
    circuit = load_circuit("two_stage_amplifier")
    space = ModelSpace(circuit)
    middle = {v.name: (v.low * v.high) ** 0.5 for v in circuit.variables}
    one = {**middle, "w1": 4e-6, "l1": 0.4e-6}
    other = {**middle, "w1": 2e-6, "l1": 0.2e-6}
    first, second = space.features(space.points([one, other]))
    changed = np.flatnonzero(np.abs(first - second) > 1e-9)
    assert [circuit.variables[place].name for place in changed] == ["l1"]


def test_a_wide_linear_axis_is_modelled_in_the_logarithm() -> None:
    circuit: Circuit = load_circuit("two_stage_amplifier")
    space = ModelSpace(circuit)
    half = space.design(np.full(space.size, 0.5))
    assert half["w1"] == pytest.approx((0.12e-6 * 50e-6) ** 0.5)
