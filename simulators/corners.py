"""From corners to one verdict: each metric's worst value."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.fom import Verdict, judge
from circuits.spec import Direction, Spec
from simulators.result import SimulationResult


def worst_corner(result: SimulationResult, specs: Sequence[Spec]) -> dict[str, float | None]:
    """Each metric's worst value over the corners in which its spec must hold.

    None where one of them has none. Corners that were skipped do not count, but a spec of which
    every corner was skipped has no value. Metrics without a spec have no worst side: theirs is
    the first corner's.

    Args:
        result: of one design.
        specs: say which side of a metric is the worse one, and which corners count.

    Returns:
        Value by metric name, in the metrics' units; empty when nothing was measured.
    """
    by_metric = {spec.metric: spec for spec in specs}
    first = next(iter(result.corners.values()), None)
    return {
        name: _worst(result, by_metric[name]) if name in by_metric else value
        for name, value in (first.metrics if first is not None else {}).items()
    }


def verdict(result: SimulationResult, specs: Sequence[Spec]) -> Verdict:
    """How a design stands by its worst corner; one with skipped parts is never feasible."""
    return judge(worst_corner(result, specs), specs, result.skipped)


def _worst(result: SimulationResult, spec: Spec) -> float | None:
    values = [
        found.metrics[spec.metric]
        for corner, found in result.corners.items()
        if spec.holds_in(corner)
    ]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return min(known) if spec.direction is Direction.ABOVE else max(known)
