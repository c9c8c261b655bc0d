"""How much a metric of the objective has gained, on a scale on which gains are alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import pstdev
from typing import Self

from ado_service.proposers.protocol import History, Observation, measured
from ado_service.proposers.surrogate.slack import LINEAR_UNITS
from circuits.objective import Aim
from circuits.spec import Spec

_DECIBELS = 20 * math.log10(2.0)
"""An octave in dB."""
_QUARTER = 0.25
_ROOM = 1.0
"""How far behind the worst feasible design gains begin where no spec says it."""
_FAILED, _FAR = 0.3, -1.5
"""What could not be measured is this much behind the worst that could, and than this gain."""


@dataclass(frozen=True, slots=True)
class GainScale:
    """Maps a metric of the objective to its gain: dimensionless, larger is better.

    An octave is a unit: the logarithm counts of a metric that is always positive, 6.02 of decibels,
    a quarter of the threshold of others. Zero is the threshold where the spec pulls the way that
    the objective does, so that a gain above zero meets it. Below zero `-log(1 + |g|)` stands for g:
    how badly a bad design misses says nothing about where good ones are (the lower half of the
    bilog transform of SCBO, Eriksson and Poloczek, AISTATS 2021).

    Attributes:
        metric: its name.
        sign: 1 where larger is better, -1 where smaller is.
        log: whether the metric is taken in the logarithm.
        step: what counts as a unit, of the metric or of its logarithm.
        zero: where gains begin, of the metric or of its logarithm.
        least: gain of a design that could not be measured.
        meets: whether a gain above zero is what the metric's spec asks for.
    """

    metric: str
    sign: float
    log: bool
    step: float
    zero: float = 0.0
    least: float = -math.inf
    meets: bool = False

    @classmethod
    def of(cls, aim: Aim, history: History, seen: Sequence[Observation]) -> Self:
        """The scale of `aim` in the job of `history`, of which `seen` have been simulated.

        At least one feasible design of the job was measured for it.
        """
        unit = history.circuit.metric(aim.metric).unit
        spec = next((one for one in history.specs if one.metric == aim.metric), None)
        values = measured(seen, aim.metric)
        log = unit not in LINEAR_UNITS and min(values) > 0 and (not spec or spec.threshold > 0)
        step = math.log(2.0) if log else _linear_step(unit, spec, values)
        scale = cls(aim.metric, aim.gain(1.0), log, step)
        if spec is not None and spec.direction is aim.direction:
            scale = replace(scale, zero=scale._position(spec.threshold), meets=True)
        else:
            good = (one for one in history.observations if one.verdict.feasible)
            worst = min(aim.gain(scale._position(one)) for one in measured(good, aim.metric))
            scale = replace(scale, zero=aim.gain(worst - _ROOM * step))
        worst = min(scale.gain({aim.metric: value}) for value in values)
        return replace(scale, least=min(worst, _FAR) - _FAILED)

    def gain(self, metrics: Mapping[str, float | None]) -> float:
        """Gain of a design with these metrics (metrics' units)."""
        value = metrics.get(self.metric)
        if value is None or not math.isfinite(value) or (self.log and value <= 0):
            return self.least
        plain = self.sign * (self._position(value) - self.zero) / self.step
        return plain if plain > 0 else -math.log1p(-plain)

    def _position(self, value: float) -> float:
        return math.log(value) if self.log else value


def _linear_step(unit: str, spec: Spec | None, values: Sequence[float]) -> float:
    if unit == "dB":
        return _DECIBELS
    if spec is not None:
        return _QUARTER * (abs(spec.threshold) or spec.norm)
    return pstdev(values) or 1.0
