"""Points that may be worth a simulation: spread over a box, near good designs, mixed from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from ado_service.proposers.surrogate.trust_region import TrustRegion

Array = NDArray[np.float64]

_SPREAD, _NEAR, _MIXED = 512, 900, 225
_STEPS = np.array([0.02, 0.05, 0.1, 0.2])
_PARENTS, _MATES = 8, 10
_KEPT, _CHILDREN = 40, 8
_STEP = 0.1


def candidates(
    X: Array, order: NDArray[np.intp], box: TrustRegion, rng: np.random.Generator
) -> Array:
    """`m x d` points in `box`.

    Args:
        X: `n x d` simulated designs.
        order: their places, best first.
        box: where to look.
        rng: source of randomness.
    """
    d = X.shape[1]
    spread = box.place(qmc.Sobol(d, rng=rng).random(_SPREAD))
    parents = X[rng.choice(order[:_PARENTS], _NEAR)]
    # Every other row moves in a few coordinates, the rest in all.
    chance = np.where(rng.random((_NEAR, 1)) < 0.5, min(1.0, max(0.4, 3 / d)), 1.0)
    steps = rng.choice(_STEPS, (_NEAR, 1)) * rng.standard_normal(parents.shape)
    near = parents + _some(rng, parents.shape, chance) * steps
    one, other = (X[rng.choice(order[:_MATES], _MIXED)] for _ in range(2))
    mixed = np.where(rng.random(one.shape) < 0.5, one, other)
    mixed = mixed + 0.02 * rng.standard_normal(mixed.shape)
    return np.vstack([spread, box.clip(near), box.clip(mixed)])


def refined(
    X: Array, scores: Array, box: TrustRegion, turn: int, rng: np.random.Generator
) -> Array:
    """`m x d` points around the best of `X` (`n x d`, `n` scores), closer from turn to turn."""
    best = np.argsort(-scores, kind="stable")[:_KEPT]
    children = np.repeat(X[best], _CHILDREN, axis=0)
    step = _STEP * 0.5**turn
    chance = max(0.25, 2 / X.shape[1])
    moved = _some(rng, children.shape, chance) * step * rng.standard_normal(children.shape)
    return box.clip(children + moved)


def _some(
    rng: np.random.Generator, shape: tuple[int, ...], chance: float | Array
) -> NDArray[np.bool_]:
    """Which coordinates of each row move: each with this chance, and at least one."""
    rows, d = shape
    moves = rng.random(shape) < chance
    moves[np.arange(rows), rng.integers(d, size=rows)] = True
    return moves
