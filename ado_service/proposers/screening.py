"""From what an answer holds to what is worth simulating: on range, on grid, and new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from circuits.definition import Circuit
from circuits.units import format_quantity

SAME = 1e-3
"""Designs nearer than this in every coordinate of the unit cube are one design.

A thousandth of an axis is less than any metric can be told apart by (and about the manufacturing
grid of a wide device), while two such points make the kernel matrix of the GP nearly singular:
simulating the second one buys nothing.
"""


class Screen:
    """Takes new designs and turns known ones away; it remembers what it took.

    Args:
        circuit: the circuit that is sized.
        known: values of designs that are simulated, pending or proposed (SI units).
        same: distance in every coordinate of the unit cube below which two designs are one.
    """

    def __init__(
        self, circuit: Circuit, known: Iterable[Mapping[str, float]], same: float = SAME
    ) -> None:
        self._circuit = circuit
        self._same = same
        points = [point for values in known if (point := self._point(values)) is not None]
        self._count = len(points)
        # shape: places x variables; the first `_count` places are taken
        self._places = np.array(points, dtype=float).reshape(-1, len(circuit.variables))

    def take(self, values: Mapping[str, float]) -> dict[str, float] | None:
        """The design on range and grid; None when there is one like it."""
        snapped = self._circuit.snap(values)
        point = np.array(self._circuit.to_unit(snapped))
        if self._is_known(point):
            return None
        self._remember(point)
        return snapped

    def _remember(self, point: NDArray[np.float64]) -> None:
        if self._count == len(self._places):
            # Twice the places at a time, so that each point is copied a constant number of times.
            more = np.empty((max(16, self._count), len(point)))
            self._places = np.vstack([self._places, more])
        self._places[self._count] = point
        self._count += 1

    def _is_known(self, point: NDArray[np.float64]) -> bool:
        known = self._places[: self._count]
        return bool((np.abs(known - point).max(axis=1) < self._same).any())

    def _point(self, values: Mapping[str, float]) -> list[float] | None:
        """Unit-cube coordinates; None for a foreign design that has none."""
        try:
            return self._circuit.to_unit(values)
        except (KeyError, ValueError, ArithmeticError):
            return None


def clamps(circuit: Circuit, values: Mapping[str, float]) -> list[str]:
    """Which values lie out of range, and at which end they are held."""
    notes = []
    for variable in circuit.variables:
        value = values[variable.name]
        held = min(max(value, variable.low), variable.high)
        if held != value:
            asked, end = (format_quantity(one, variable.unit) for one in (value, held))
            notes.append(f"{variable.name} {asked} held at {end}")
    return notes
