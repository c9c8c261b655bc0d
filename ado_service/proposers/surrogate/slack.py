"""How far a metric is from its spec, on a scale that a Gaussian process likes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from circuits.spec import Direction, Spec

Array = NDArray[np.float64]

LINEAR_UNITS = frozenset({"dB", "deg"})
"""Units of metrics that are never taken in the logarithm: they are logarithms, or angles."""
_LEAST = 1e-4
"""Part of the threshold below which a positive metric counts as this part."""
_OCTAVE = math.log(2.0)
_QUARTER = 0.25
_ENOUGH = 2.0
_BEYOND = 0.3


@dataclass(frozen=True, slots=True)
class SlackScale:
    """Maps a metric to its slack: dimensionless, positive where the spec is met.

    Metrics that cannot be negative are taken in the logarithm, an octave to the unit; others a
    quarter of the threshold. Then `sign(s) log(1 + |s|)` magnifies what lies around the threshold
    (the bilog transform of SCBO, Eriksson and Poloczek, AISTATS 2021), and what is met by far is
    compressed further: it decides nothing.

    Attributes:
        spec: whose metric.
        log: whether the metric is taken in the logarithm.
    """

    spec: Spec
    log: bool

    @classmethod
    def of(cls, spec: Spec, unit: str, seen: Iterable[float]) -> Self:
        """The scale for a spec on a metric in `unit`, of which these values have been seen."""
        positive = spec.threshold > 0 and all(value >= 0 for value in seen)
        return cls(spec, positive and unit not in LINEAR_UNITS)

    def slack(self, value: float) -> float:
        """Slack of a metric's value (metric's unit)."""
        plain = self._sign * (self._position(value) - self._position(self.spec.threshold))
        plain /= self._step
        if plain > _ENOUGH:
            plain = _ENOUGH + _BEYOND * math.log1p(plain - _ENOUGH)
        return math.copysign(math.log1p(abs(plain)), plain)

    def metric(self, slack: Array) -> Array:
        """The inverse of `slack`, element by element (metric's unit)."""
        plain = np.sign(slack) * np.expm1(np.minimum(np.abs(slack), 12.0))
        far = _ENOUGH + np.expm1(np.minimum((plain - _ENOUGH) / _BEYOND, 12.0))
        plain = np.where(plain > _ENOUGH, far, plain)
        position = self._position(self.spec.threshold) + self._sign * self._step * plain
        return np.exp(np.clip(position, -200.0, 200.0)) if self.log else position

    def terms(self, slack: Array) -> Array:
        """The spec's terms of the figure of merit at these slacks, element by element."""
        spec = self.spec
        share = self.metric(slack) / spec.norm
        if spec.clip is not None:
            share = np.minimum(share, spec.clip)
        return np.where(slack > 0, spec.weight * share, spec.penalty)

    @property
    def _sign(self) -> float:
        return 1.0 if self.spec.direction is Direction.ABOVE else -1.0

    @property
    def _step(self) -> float:
        """What counts as one unit of slack next to the threshold."""
        if self.log:
            return _OCTAVE
        return _QUARTER * (abs(self.spec.threshold) or self.spec.norm)

    def _position(self, value: float) -> float:
        if not self.log:
            return value
        return math.log(max(value, _LEAST * self.spec.threshold))
