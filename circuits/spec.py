"""Specs: what a design must reach, and how each counts in the figure of merit."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Direction(StrEnum):
    """On which side of the threshold a metric must lie."""

    ABOVE = ">"
    BELOW = "<"

    @property
    def sign(self) -> float:
        """1 where larger is better, -1 where smaller is."""
        return 1.0 if self is Direction.ABOVE else -1.0


class Spec(BaseModel):
    """A metric, a direction, a threshold, and its term in the figure of merit.

    The term is `weight * min(value / norm, clip)` where the spec is met and `penalty` where it
    is not (ADO-LLM, released code).

    Attributes:
        metric: name of a metric of the circuit.
        direction: `>` (value above the threshold) or `<`.
        threshold: in the metric's unit.
        norm: value that counts as 1 in the figure of merit, in the metric's unit.
        weight: +1 rewards a larger value, -1 a smaller one.
        penalty: the term of a failed spec; below the term of any value that meets it.
        clip: largest value/norm that still pays; None for no limit.
        corners: names of the corners in which it must hold; empty for all of the circuit's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    metric: str
    direction: Direction
    threshold: float
    norm: float = Field(gt=0)
    weight: float
    penalty: float
    clip: float | None = Field(default=None, gt=0)
    corners: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _directions_agree(self) -> Self:
        if self.weight * self.direction.sign <= 0:
            raise ValueError(
                f"spec on {self.metric}: direction {self.direction.value} and weight "
                f"{self.weight:g} pull apart; a `>` spec needs a positive weight, a `<` spec a "
                "negative one"
            )
        return self

    @model_validator(mode="after")
    def _failing_does_not_pay(self) -> Self:
        worst = self._pay(self.threshold)
        if self.penalty >= worst:
            raise ValueError(
                f"spec on {self.metric}: penalty {self.penalty:g} is not below {worst:g}, what a "
                "design gets that just meets the spec, so that failing would pay; lower the penalty"
            )
        return self

    def holds_in(self, corner: str) -> bool:
        """Whether it must hold in the corner of this name."""
        return not self.corners or corner in self.corners

    def met(self, value: float | None) -> bool:
        """Whether `value` (metric's unit; None when it could not be measured) meets the spec."""
        if value is None:
            return False
        if self.direction is Direction.ABOVE:
            return value > self.threshold
        return value < self.threshold

    def term(self, value: float | None) -> float:
        """This spec's part of the figure of merit (dimensionless)."""
        if value is None or not self.met(value):
            return self.penalty
        return self._pay(value)

    def _pay(self, value: float) -> float:
        """The term of a value that meets the spec."""
        share = value / self.norm
        return self.weight * (share if self.clip is None else min(share, self.clip))


class SpecSet(BaseModel):
    """Named specs that are asked for together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    about: str = ""
    specs: tuple[Spec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_spec_a_metric(self) -> Self:
        names = [spec.metric for spec in self.specs]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"spec set {self.name}: more than one spec on {', '.join(doubled)}")
        return self
