"""What a front leaves open: the boxes that no design dominates, and their volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Undominated:
    """The part of a space of gains, all the larger the better, that no point of a front dominates.

    It is kept as disjoint boxes. A point cuts from each box that it reaches into the part that it
    dominates, and what is left of the box falls into one box a coordinate (the incremental
    decomposition of Lacour, Klamroth and Fonseca, Computers and Operations Research 79, 2017, in
    its plainest form). With boxes the hypervolume that a point adds is a sum of products, and so
    is its expectation (Yang et al., Journal of Global Optimization 75, 2019).

    Attributes:
        low, high: `b x m` corners of the boxes.
    """

    low: Array
    high: Array

    @classmethod
    def within(cls, top: Array) -> Self:
        """All from 0 to `top` (`m`), of which no point dominates anything yet."""
        return cls(np.zeros((1, len(top))), np.maximum(top, 0.0)[None])

    def without(self, point: Array) -> Undominated:
        """What is left when a design has these `m` gains."""
        reached = (self.low < point).all(axis=1) & (self.low < self.high).all(axis=1)
        if not reached.any():
            return self
        low, high = self.low[reached], self.high[reached]
        lows, highs = [self.low[~reached]], [self.high[~reached]]
        for axis in range(len(point)):
            # Above the point in this coordinate, below it in those before.
            over = low.copy()
            over[:, axis] = np.minimum(point[axis], high[:, axis])
            some = over[:, axis] < high[:, axis]
            lows.append(over[some])
            highs.append(high[some])
            high = high.copy()
            high[:, axis] = np.minimum(point[axis], high[:, axis])
        return Undominated(np.vstack(lows), np.vstack(highs))

    def gained(self, Y: Array) -> Array:
        """`n` hypervolumes that points `n x m` would each add."""
        sides = np.minimum(self.high, Y[:, None]) - self.low
        return np.asarray(np.maximum(sides, 0.0).prod(axis=2).sum(axis=1))

    def expected(self, mean: Array, spread: Array) -> Array:
        """`n` expected hypervolumes that points of independent normal gains would each add.

        Args:
            mean: `n x m`, of the gains.
            spread: `n x m`, their standard deviations.
        """
        total = np.zeros(len(mean))
        for low, high in zip(self.low, self.high, strict=True):
            sides = _excess(mean - low, spread) - _excess(mean - high, spread)
            total += np.maximum(sides, 0.0).prod(axis=1)
        return total


def _excess(over: Array, spread: Array) -> Array:
    """Expectation of the positive part of normal numbers of mean `over`."""
    z = over / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(spread * (z * ndtr(z) + density))
