"""From corners to one verdict: each metric's worst value."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.spec import Direction, Spec
from simulators.result import SimulationResult


def worst_corner(result: SimulationResult, specs: Sequence[Spec]) -> dict[str, float | None]:
    """Each metric's worst value over the corners; None where any corner has none.

    Metrics without a spec have no worst side: theirs is the first corner's.

    Args:
        result: of one design.
        specs: say which side of a metric is the worse one.

    Returns:
        Value by metric name, in the metrics' units; empty when nothing was measured.
    """
    corners = [corner.metrics for corner in result.corners.values()]
    directions = {spec.metric: spec.direction for spec in specs}
    merged: dict[str, float | None] = {}
    for name in corners[0] if corners else ():
        values = [corner[name] for corner in corners]
        known = [value for value in values if value is not None]
        if name not in directions:
            merged[name] = values[0]
        elif len(known) < len(values):
            merged[name] = None
        else:
            merged[name] = min(known) if directions[name] is Direction.ABOVE else max(known)
    return merged
