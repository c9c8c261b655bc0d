"""How near a design is to its specs: decides between designs whose figures of merit are equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from circuits.spec import Spec


def shortfall(metrics: Mapping[str, float | None], specs: Sequence[Spec]) -> float:
    """How far a design is from its specs, dimensionless; 0 where none is missed.

    The figure of merit of a missed spec is its penalty, however far it is missed. Here it counts
    m / (1 + m), m being the distance to the threshold in parts of the threshold (of the norm where
    that is 0): about m close by and 1 at most, so that one spec that is hopeless does not hide
    the others. A metric that is missing or None counts 1.

    Args:
        metrics: value by metric name, in the metrics' units.
        specs: the specs to judge by.
    """
    return sum(_missed(metrics.get(spec.metric), spec) for spec in specs)


def _missed(value: float | None, spec: Spec) -> float:
    if value is None or not math.isfinite(value):
        return 1.0
    if spec.met(value):
        return 0.0
    distance = abs(value - spec.threshold) / (abs(spec.threshold) or spec.norm)
    return distance / (1 + distance) if math.isfinite(distance) else 1.0
