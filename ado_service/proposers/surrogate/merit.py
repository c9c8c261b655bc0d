"""What a design is worth, composed on the slacks of its specs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ado_service.proposers.surrogate.surrogate import Surrogate

Array = NDArray[np.float64]

_LEAST_VIOLATION = 0.2
_MET = 0.5
"""What meeting every spec is worth, in units of a typical violation."""
_MOST_GAIN = 5.0
"""Largest gain of the figure of merit that is believed, in spreads of what was seen: transformed
back from the tails of a process it may be any number."""


@dataclass(frozen=True, slots=True)
class Merit:
    """A number for each vector of slacks; larger is better, dimensionless.

    Modelling each metric and composing the objective on the samples uses what a process on the
    composed number cannot see: which spec fails, and by how much (composite Bayesian optimization,
    Astudillo and Frazier, ICML 2019). Until all specs are met that is the sum of the violations,
    each in units of what is typical of it; afterwards, should the search go on, the figure of
    merit.

    Attributes:
        weights: `k`, of the violations.
        figure: the surrogate whose scales give the figure of merit; None while violations count.
        origin, unit: of the figure of merit, to make it comparable with violations.
    """

    weights: Array
    figure: Surrogate | None = None
    origin: float = 0.0
    unit: float = 1.0

    @classmethod
    def of(cls, surrogate: Surrogate) -> Self:
        """The merit that counts at this point of a search."""
        violations = -np.minimum(surrogate.Y, 0.0)
        weights = 1.0 / np.maximum(np.quantile(violations, 0.75, axis=0), _LEAST_VIOLATION)
        met = (surrogate.Y[-surrogate.own :] > 0).all(axis=1)
        if not met.any():
            return cls(weights)
        foms = _figure(surrogate, surrogate.Y)
        best = float(foms[-surrogate.own :][met].max())
        return cls(weights, surrogate, best, max(best - float(np.median(foms)), 1e-9))

    def __call__(self, slacks: Array) -> Array:
        """Merits of slacks `... x k`, one each."""
        short = np.minimum(slacks, 0.0) @ self.weights
        met = (slacks > 0).all(axis=-1)
        if self.figure is None:
            return np.asarray(short + _MET * met)
        gained = (_figure(self.figure, slacks) - self.origin) / self.unit
        return np.where(met, np.clip(gained, -1.0, _MOST_GAIN), short - 1.0)


def _figure(surrogate: Surrogate, slacks: Array) -> Array:
    """Figures of merit of slacks `... x k` (circuits.fom: failed specs take their penalties)."""
    terms = [scale.terms(slacks[..., k]) for k, scale in enumerate(surrogate.scales)]
    return np.asarray(np.sum(terms, axis=0))
