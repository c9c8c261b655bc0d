"""How sure a ratio of medians is: percentile bootstrap over seeds (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
_SEED = 20_260_000
_TAIL = 2.5
Groups = Sequence[Sequence[float]]
"""Figures by circuit and seed; each circuit is resampled by itself."""


def median_ratio(ours: Groups, theirs: Groups) -> tuple[float, float, float]:
    """The median of all of theirs over that of ours, with the bounds of its 95% interval.

    Seeds are paired: the runs of a seed start from the same designs, and a resample takes both or
    neither. Figures must be positive.
    """
    ratios = _medians(theirs) / _medians(ours)
    low, high = np.percentile(ratios[1:], [_TAIL, 100 - _TAIL])
    return float(ratios[0]), float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Bounds of the 95% interval of a mean, such as of the share of seeds that succeed."""
    found = np.asarray(values, dtype=float)
    means = found[_picks(len(found), np.random.default_rng(_SEED))].mean(axis=1)
    low, high = np.percentile(means, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def _medians(groups: Groups) -> NDArray[np.float64]:
    """The median itself, then that of each resample."""
    rng = np.random.default_rng(_SEED)  # the same picks for ours and theirs
    arrays = [np.asarray(group, dtype=float) for group in groups]
    resampled = np.hstack([array[_picks(len(array), rng)] for array in arrays])
    return np.concatenate([[np.median(np.hstack(arrays))], np.median(resampled, axis=1)])


def _picks(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`RESAMPLES x count` places, drawn with replacement."""
    return rng.integers(count, size=(RESAMPLES, count))
