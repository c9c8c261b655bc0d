"""A design variable: what is sized, its unit, its range and its axis."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_DUST = 1e-9
"""Part of a grid step: (0.3 - 0) / 0.1 is a hair under 3, and 0.3 is on the grid all the same."""


class Scale(StrEnum):
    """The axis on which a variable is searched."""

    LINEAR = "linear"
    LOG = "log"
    INTEGER = "integer"


class Variable(BaseModel):
    """One sized quantity, in SI units.

    Attributes:
        name: the `.param` name in the netlists.
        unit: SI unit (`m`, `Ohm`, `F`, ...; empty for a count).
        low, high: inclusive range, SI units.
        scale: axis of the search; `log` for quantities that span decades.
        grid: step of the manufacturing grid counted from `low`, SI units; None for none.
        role: what it does in the circuit, for people and for the LLM.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    unit: str = ""
    low: float
    high: float
    scale: Scale = Scale.LINEAR
    grid: float | None = Field(default=None, gt=0)
    role: str = ""

    @model_validator(mode="after")
    def _range_holds(self) -> Self:
        if self.low >= self.high:
            raise ValueError(
                f"variable {self.name}: empty range [{self.low:g}, {self.high:g}]; "
                "low must be less than high"
            )
        if self.scale is Scale.LOG and self.low <= 0:
            raise ValueError(f"variable {self.name}: a log axis needs low > 0, not {self.low:g}")
        if self.grid is not None and self.grid > self.high - self.low:
            raise ValueError(f"variable {self.name}: grid {self.grid:g} is wider than the range")
        if self.scale is Scale.INTEGER:
            self._integer_holds()
        return self

    def _integer_holds(self) -> None:
        if not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(
                f"variable {self.name}: an integer axis goes from one whole number to another, "
                f"not from {self.low:g} to {self.high:g}"
            )
        if self.grid is not None:
            raise ValueError(f"variable {self.name}: an integer axis has its own grid; remove grid")

    def snap(self, value: float) -> float:
        """The nearest value that the range and the grid allow (SI units).

        Raises:
            ValueError: `value` is not a number (NaN).
        """
        value = float(value)
        if math.isnan(value):
            raise ValueError(f"variable {self.name}: NaN is no value; give a number")
        clamped = min(max(value, self.low), self.high)
        step = 1.0 if self.scale is Scale.INTEGER else self.grid
        if step is None:
            return clamped
        last = math.floor((self.high - self.low) / step + _DUST)
        count = min(round((clamped - self.low) / step), last)
        # Multiples of a decimal grid pick up binary dust: 12 digits keep what the grid means.
        return min(max(float(f"{self.low + count * step:.12g}"), self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Position of `value` (SI units) on the axis, 0 at `low` and 1 at `high`.

        Raises:
            ValueError: a value on a log axis that is not positive.
        """
        if self.scale is Scale.LOG:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def from_unit(self, position: float) -> float:
        """The allowed value (SI units) at `position` in [0, 1]; outside it is clamped."""
        position = min(max(float(position), 0.0), 1.0)
        if self.scale is Scale.LOG:
            return self.snap(self.low * math.exp(position * math.log(self.high / self.low)))
        return self.snap(self.low + position * (self.high - self.low))
