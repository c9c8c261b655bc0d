"""The baselines that learn nothing: uniformly random points and a Sobol sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from ado_service.loop import derive_seed
from benchmarks.peer_methods.protocol import Point, Task, Trial


class RandomMethod:
    """Uniformly random points; the initial designs come from the same distribution."""

    def __init__(self, task: Task) -> None:
        self._dimension = task.dimension
        self._rng = np.random.default_rng(derive_seed(task.seed, 1, "random-method"))

    def suggest(self, n: int) -> list[Point]:
        """`n` points."""
        return [tuple(row) for row in self._rng.random((n, self._dimension)).tolist()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Nothing is learned."""


class SobolMethod:
    """One scrambled Sobol sequence from the first point to the last."""

    def __init__(self, task: Task) -> None:
        rng = np.random.default_rng(derive_seed(task.seed, 1, "sobol-method"))
        self._engine = qmc.Sobol(task.dimension, rng=rng)

    def suggest(self, n: int) -> list[Point]:
        """The next `n` points."""
        # One by one: scipy warns of blocks that are no power of two, the sequence is the same.
        return [tuple(self._engine.random(1)[0].tolist()) for _ in range(n)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Nothing is learned."""
