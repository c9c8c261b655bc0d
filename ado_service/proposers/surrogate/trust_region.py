"""Where to look: a box around the best design that grows with success and shrinks without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_START, _LARGEST, _SMALLEST = 0.5, 1.6, 0.5**6
_SUCCESSES = 3
_BLOCK = 5
_LEAST_GAIN = 1e-3


@dataclass(frozen=True, slots=True)
class TrustRegion:
    """A box in the unit cube (TuRBO, Eriksson et al., NeurIPS 2019).

    Its length follows from the history alone, so that a resumed job finds the same box: the
    merits are walked through in blocks of five, as rounds simulate them.

    Attributes:
        low, high: `d` corners.
    """

    low: Array
    high: Array

    @classmethod
    def around(cls, centre: Array, merits: Array) -> Self:
        """The box around `centre` after designs of these merits, oldest first."""
        half = _length(merits, len(centre)) / 2
        return cls(np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0))

    def clip(self, X: Array) -> Array:
        """`n x d` points moved into the box."""
        return np.clip(X, self.low, self.high)

    def place(self, X: Array) -> Array:
        """`n x d` points of the unit cube as points of the box."""
        return self.low + (self.high - self.low) * X


def _length(merits: Array, d: int) -> float:
    """Doubled after three better blocks in a row, halved after d/5 that are no better."""
    length, good, bad = _START, 0, 0
    patience = max(1, math.ceil(d / _BLOCK))
    for start in range(_BLOCK, len(merits) - _BLOCK + 1, _BLOCK):
        best, new = merits[:start].max(), merits[start : start + _BLOCK].max()
        better = new > best + _LEAST_GAIN * abs(best)
        good, bad = (good + 1, 0) if better else (0, bad + 1)
        if good == _SUCCESSES:
            length, good = min(2 * length, _LARGEST), 0
        elif bad == patience:
            length, bad = length / 2, 0
        if length < _SMALLEST:
            length = _START  # it has come to nothing here: look wider again
    return length
