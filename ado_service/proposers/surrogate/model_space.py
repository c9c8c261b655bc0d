"""The space in which designs are searched and the one in which kernels measure distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.definition import Circuit
from circuits.variable import Scale, Variable

Array = NDArray[np.float64]

_DECADE = 8.0
"""A linear axis whose ends are this far apart is searched and modelled in the logarithm."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One variable's axis: name, ends (SI units), and whether it is logarithmic."""

    name: str
    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """0 at `low`, 1 at `high`; clamped."""
        held = min(max(value, self.low), self.high)
        if self.log:
            return math.log(held / self.low) / self.span
        return (held - self.low) / self.span

    def value(self, place: float) -> float:
        if self.log:
            return self.low * math.exp(place * self.span)
        return self.low + place * self.span

    @property
    def span(self) -> float:
        """Length of the axis: in natural logarithms where it is logarithmic, else in SI units."""
        return math.log(self.high / self.low) if self.log else self.high - self.low


class ModelSpace:
    """Designs as points of a cube that suits models of circuits.

    Two things that every designer knows are put in by hand. Sizes act by their ratios: metrics of
    a MOS circuit are near to posynomials of its sizes (Hershenson, Boyd and Lee, TCAD 2001), so a
    positive axis that spans most of a decade is logarithmic here even where the circuit searches
    it linearly. And a width acts through W/L: kernels see log(W/L) and log(L) of each device
    group instead of W and L, which makes the balance conditions between groups lie along few axes.

    Args:
        circuit: whose variables.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self._axes = tuple(_axis(variable) for variable in circuit.variables)
        self._pairs = _pairs(circuit, self._axes)

    @property
    def size(self) -> int:
        """How many variables there are, `d`."""
        return len(self._axes)

    def points(self, designs: Sequence[Mapping[str, float]]) -> Array:
        """Designs (SI units) as `n x d` points of the unit cube."""
        rows = [[axis.place(values[axis.name]) for axis in self._axes] for values in designs]
        return np.array(rows, dtype=float).reshape(-1, self.size)

    def design(self, point: Array) -> dict[str, float]:
        """The design at a point, on range and grid (SI units)."""
        held = np.clip(point, 0.0, 1.0)
        values = {a.name: a.value(float(x)) for a, x in zip(self._axes, held, strict=True)}
        return self._circuit.snap(values)

    def snapped(self, X: Array) -> Array:
        """`n x d` points moved to where range and grid allow a design."""
        coarse = [v.grid is not None or v.scale is Scale.INTEGER for v in self._circuit.variables]
        if not any(coarse):
            return np.clip(X, 0.0, 1.0)
        snapped = np.clip(X, 0.0, 1.0)
        for place, (axis, variable) in enumerate(
            zip(self._axes, self._circuit.variables, strict=True)
        ):
            if coarse[place]:
                column = [
                    axis.place(variable.snap(axis.value(float(x)))) for x in snapped[:, place]
                ]
                snapped[:, place] = column
        return snapped

    def features(self, X: Array) -> Array:
        """`n x d` points as kernels see them: each width of a group as its W/L, within [0, 1]."""
        F = X.copy()
        for width, length in self._pairs:
            a, b = self._axes[width].span, self._axes[length].span
            F[:, width] = (X[:, width] * a + (1.0 - X[:, length]) * b) / (a + b)
        return F


def _axis(variable: Variable) -> _Axis:
    wide = variable.low > 0 and variable.high / variable.low >= _DECADE
    log = variable.scale is Scale.LOG or (variable.scale is Scale.LINEAR and wide)
    return _Axis(variable.name, variable.low, variable.high, log)


def _pairs(circuit: Circuit, axes: Sequence[_Axis]) -> list[tuple[int, int]]:
    """(place of a width, place of the length it is divided by), each width once.

    Of the device groups with one length and one width in metres, and of variables `wNAME` and
    `lNAME` of equal names.
    """
    places = {
        variable.name: place
        for place, variable in enumerate(circuit.variables)
        if variable.unit == "m" and axes[place].log
    }
    found: dict[int, int] = {}
    for name, place in places.items():
        if name.startswith("w") and f"l{name[1:]}" in places:
            found[place] = places[f"l{name[1:]}"]
    for group in circuit.device_groups:
        widths = [name for name in group.variables if name.startswith("w") and name in places]
        lengths = [name for name in group.variables if name.startswith("l") and name in places]
        if len(widths) == len(lengths) == 1:
            found.setdefault(places[widths[0]], places[lengths[0]])
    return sorted(found.items())
