"""Where to look: a box that grows with success, shrinks without, and at last starts elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_START, _LARGEST, _SMALLEST = 0.8, 1.6, 0.5**5
_SUCCESSES = 3
_BLOCK = 5
_PATIENCE = 6
_LEAST_GAIN = 0.01
"""Part of the best merit that counts as progress: in a basin without a way out there is always a
little to be gained. While specs are missed the merit is what is still missing, so that the part is
one of the way to go."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search has come (TuRBO-1 with restarts, Eriksson et al., NeurIPS 2019).

    Unlike there, what a lost basin has shown stays in the models, and a box is lost sooner (1/32
    and not 1/128 of the cube; d/6 blocks and not d/q): a job has some hundred simulations in all.

    Attributes:
        length: of the box's sides, in sides of the unit cube.
        start: place of the first design since the search last started elsewhere; 0 where it never
            has.
        starts: whether it is starting elsewhere now: fewer than a block of designs are there.
    """

    length: float
    start: int
    starts: bool

    @classmethod
    def after(cls, merits: Array, d: int) -> Self:
        """After designs of these merits (`n`), oldest first, in `d` variables.

        It follows from the history alone, so that a resumed job finds the same box: the merits are
        walked through in blocks of five, whatever the rounds are. The length is doubled after three
        better blocks in a row and halved after d/6 that are no better; once the box has come to
        nothing the search starts elsewhere.
        """
        length, good, bad, start = _START, 0, 0, 0
        patience = max(1, math.ceil(d / _PATIENCE))
        for place in range(_BLOCK, len(merits) - _BLOCK + 1, _BLOCK):
            if place == start:
                continue  # the first block since then: nothing to hold it against
            best, new = merits[start:place].max(), merits[place : place + _BLOCK].max()
            better = new > best + _LEAST_GAIN * abs(best)
            good, bad = (good + 1, 0) if better else (0, bad + 1)
            if good == _SUCCESSES:
                length, good = min(2 * length, _LARGEST), 0
            elif bad == patience:
                length, bad = length / 2, 0
            if length < _SMALLEST:
                length, good, bad, start = _START, 0, 0, place + _BLOCK
        return cls(length, start, start > 0 and len(merits) - start < _BLOCK)


@dataclass(frozen=True, slots=True)
class TrustRegion:
    """A box in the unit cube.

    Attributes:
        low, high: `d` corners.
    """

    low: Array
    high: Array

    @classmethod
    def around(cls, centre: Array, length: float) -> Self:
        """A box of this length around `centre`, as far as it lies in the cube."""
        half = length / 2
        return cls(np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0))

    def clip(self, X: Array) -> Array:
        """`n x d` points moved into the box."""
        return np.clip(X, self.low, self.high)

    def place(self, X: Array) -> Array:
        """`n x d` points of the unit cube as points of the box."""
        return self.low + (self.high - self.low) * X
