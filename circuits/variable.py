"""A design variable: what is sized, its unit, its range and its axis."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


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

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    unit: str = ""
    low: float
    high: float
    scale: Scale = Scale.LINEAR
    grid: float | None = Field(default=None, gt=0)
    role: str = ""

    @model_validator(mode="after")
    def _range_holds(self) -> Self:
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low >= self.high:
            raise ValueError(
                f"variable {self.name}: empty range [{self.low:g}, {self.high:g}]; "
                "low must be less than high"
            )
        if self.scale is Scale.LOG and self.low <= 0:
            raise ValueError(f"variable {self.name}: a log axis needs low > 0, not {self.low:g}")
        if self.grid is not None and self.grid > self.high - self.low:
            raise ValueError(f"variable {self.name}: grid {self.grid:g} is wider than the range")
        return self

    def snap(self, value: float) -> float:
        """The nearest value that the range and the grid allow (SI units)."""
        clamped = min(max(float(value), self.low), self.high)
        step = 1.0 if self.scale is Scale.INTEGER else self.grid
        if step is None:
            return clamped
        count = min(round((clamped - self.low) / step), math.floor((self.high - self.low) / step))
        # Multiples of a decimal grid pick up binary dust: 12 digits keep what the grid means.
        return float(f"{self.low + count * step:.12g}")

    def to_unit(self, value: float) -> float:
        """Position of `value` on the axis, 0 at `low` and 1 at `high`."""
        if self.scale is Scale.LOG:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def from_unit(self, position: float) -> float:
        """The allowed value at `position` in [0, 1]; outside it is clamped."""
        position = min(max(float(position), 0.0), 1.0)
        if self.scale is Scale.LOG:
            return self.snap(self.low * math.exp(position * math.log(self.high / self.low)))
        return self.snap(self.low + position * (self.high - self.low))
