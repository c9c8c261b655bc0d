"""Metrics as a GP likes them: larger is better, decades made even, bad ends cut off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ado_service.proposers.protocol import Observation, measured
from ado_service.proposers.surrogate.slack import LINEAR_UNITS
from circuits.definition import Circuit, Metric
from circuits.objective import Objective
from circuits.spec import Spec

_DECADE = 10.0
"""Positive values whose largest is more than this times the smallest are modelled as logarithms."""
_MARGIN = 2.0
"""How far below its threshold a metric is told apart, in parts of what the best is above it.

How badly a bad design misses says nothing about where the good ones are, and would make up most
of the variance.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A metric and how it is transformed.

    Attributes:
        metric: its name.
        sign: 1 where larger is better, -1 where smaller is.
        log: whether the logarithm (base 10) is modelled.
        floor: least transformed value; also that of a design that could not be measured.
        threshold: of its spec, transformed; None without a spec.
        spec_sign: 1 where the spec wants larger transformed values, -1 where it wants smaller
            ones, as it does when the objective pulls the other way.
    """

    metric: str
    sign: float
    log: bool = False
    floor: float = -math.inf
    threshold: float | None = None
    spec_sign: float = 1.0

    @property
    def reference(self) -> float:
        """Where hypervolume is measured from: the worst that the spec allows and was seen."""
        if self.threshold is None or self.spec_sign < 0:
            return self.floor
        return max(self.floor, self.threshold)

    def value(self, metrics: Mapping[str, float | None]) -> float:
        """The transformed value of a design with these metrics, the floor at least."""
        raw = metrics.get(self.metric)
        if raw is None or not math.isfinite(raw) or (self.log and raw <= 0):
            return self.floor
        return max(self.bare(raw), self.floor)

    def bare(self, raw: float) -> float:
        """The transformed value of `raw` (metric's unit), floor or no floor."""
        return self.sign * (math.log10(raw) if self.log else raw)


def outcomes_of(
    circuit: Circuit, objective: Objective, specs: Sequence[Spec], seen: Sequence[Observation]
) -> list[Outcome]:
    """The metrics to be modelled: those of the objective in its order, then those of specs.

    Args:
        circuit: has the metrics' units.
        objective: every direction filled in.
        specs: become thresholds.
        seen: designs, from whose metrics follow scale and floor; each metric measured once at
            least.
    """
    by_metric = {spec.metric: spec for spec in specs}
    wanted = {aim.metric: aim.gain(1.0) for aim in objective.aims}
    for spec in specs:
        wanted.setdefault(spec.metric, _side(spec))
    return [
        _outcome(circuit.metric(metric), sign, by_metric.get(metric), measured(seen, metric))
        for metric, sign in wanted.items()
    ]


def _side(spec: Spec) -> float:
    return spec.direction.sign


def _outcome(found: Metric, sign: float, spec: Spec | None, values: Sequence[float]) -> Outcome:
    metric = found.name
    all_values = [*values, *([] if spec is None else [spec.threshold])]
    wide = min(all_values) > 0 and max(all_values) > _DECADE * min(all_values)
    log = wide and found.unit not in LINEAR_UNITS
    bare = Outcome(metric, sign, log)
    turned = [bare.bare(value) for value in values]
    if spec is None:
        return Outcome(metric, sign, log, floor=_floor(turned, median(turned), 1.0))
    threshold = bare.bare(spec.threshold)
    if _side(spec) != sign:  # the spec stands on the far side: nothing is cut off on the near one
        return Outcome(metric, sign, log, min(turned), threshold, -1.0)
    return Outcome(metric, sign, log, _floor(turned, threshold, _MARGIN), threshold)


def _floor(turned: Sequence[float], middle: float, margin: float) -> float:
    """As far below `middle` as the best is above it, times `margin`; never below the worst."""
    best, worst = max(turned), min(turned)
    return max(worst, middle - margin * (best - middle)) if best > middle else worst
