"""What a search is after: meet the specs, raise the figure of merit, or trade metrics off."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from circuits.definition import Circuit
from circuits.spec import Direction, Spec

_AIM = re.compile(r"^([a-z][a-z0-9_]{0,63})([+-]?)$")
_FEWEST, _MOST = 2, 3
_FORMS = "write specs, fom, or pareto:METRIC,METRIC with two or three metrics"
_SIGNS = {"+": Direction.ABOVE, "-": Direction.BELOW, "": None}


class ObjectiveError(ValueError):
    """An objective that cannot be read, or that the circuit and its specs cannot serve."""


class Mode(StrEnum):
    """The kinds of objectives."""

    SPECS = "specs"
    """Meet every spec; a design that does ends the search."""
    FOM = "fom"
    """Meet every spec, then the largest figure of merit."""
    PARETO = "pareto"
    """Meet every spec, then the best trade-offs of two or three metrics."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One metric that a Pareto search improves.

    Attributes:
        metric: name of a metric of the circuit.
        direction: `>` when larger is better; None for that of the metric's spec.
    """

    metric: str
    direction: Direction | None = None

    def gain(self, value: float) -> float:
        """`value` (metric's unit) turned so that larger is better.

        Raises:
            ObjectiveError: the direction is not known, see `Objective.resolved`.
        """
        if self.direction is None:
            raise ObjectiveError(f"{self.metric}: no direction; write {self.metric}+ or -")
        return self.direction.sign * value

    def __str__(self) -> str:
        """As it is written: `power-`, `gain+`, `area`."""
        return self.metric + next(sign for sign, side in _SIGNS.items() if side is self.direction)


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search is after, as written in one word: `specs`, `fom`, `pareto:power,area+`.

    A metric of a Pareto search is followed by `-` where smaller is better and by `+` where larger
    is; without either the direction is that of its spec.

    Attributes:
        mode: the kind.
        aims: the metrics of a Pareto search, two or three; empty for the others.
    """

    mode: Mode = Mode.SPECS
    aims: tuple[Aim, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The objective that `text` names.

        Raises:
            ObjectiveError: it names none.
        """
        kind, colon, rest = text.partition(":")
        if kind != Mode.PARETO:
            if colon or kind not in (Mode.SPECS, Mode.FOM):
                raise ObjectiveError(f"no objective {text!r}; {_FORMS}")
            return cls(Mode(kind))
        return cls(Mode.PARETO, _aims(text, rest))

    def __str__(self) -> str:
        """As `parse` reads it."""
        return self.mode.value + (f":{','.join(map(str, self.aims))}" if self.aims else "")

    def resolved(self, circuit: Circuit, specs: Sequence[Spec]) -> Objective:
        """The same with every direction filled in.

        Raises:
            ObjectiveError: a metric that the circuit does not have, or one without a direction
                and without a spec.
        """
        return Objective(self.mode, tuple(_resolved(aim, circuit, specs) for aim in self.aims))

    def gains(self, metrics: Mapping[str, float | None]) -> tuple[float, ...] | None:
        """A design's place among the trade-offs, larger is better in each; metrics' units.

        Args:
            metrics: value by metric name, in the metrics' units.

        Returns:
            One number an aim; None where there are no aims or one was not measured.

        Raises:
            ObjectiveError: an aim has no direction, see `resolved`.
        """
        values = [metrics.get(aim.metric) for aim in self.aims]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not self.aims or len(known) < len(values):
            return None
        return tuple(aim.gain(value) for aim, value in zip(self.aims, known, strict=True))


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is at least as large everywhere and larger somewhere."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _aims(text: str, rest: str) -> tuple[Aim, ...]:
    found = [_AIM.match(part.strip()) for part in rest.split(",")]
    aims = tuple(Aim(one[1], _SIGNS[one[2]]) for one in found if one is not None)
    if len(aims) < len(found) or not _FEWEST <= len(aims) <= _MOST:
        raise ObjectiveError(f"no objective {text!r}; {_FORMS}")
    if len({aim.metric for aim in aims}) < len(aims):
        raise ObjectiveError(f"objective {text!r} names a metric twice; name each once")
    return aims


def _resolved(aim: Aim, circuit: Circuit, specs: Sequence[Spec]) -> Aim:
    names = [metric.name for metric in circuit.metrics]
    if aim.metric not in names:
        raise ObjectiveError(
            f"{circuit.name} has no metric {aim.metric!r}; known are {', '.join(names)}"
        )
    sides = [spec.direction for spec in specs if spec.metric == aim.metric]
    if aim.direction is None and not sides:
        raise ObjectiveError(
            f"{aim.metric} has no spec that says which way is better; "
            f"write {aim.metric}- when smaller is better, {aim.metric}+ when larger is"
        )
    return Aim(aim.metric, aim.direction or sides[0])


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return Objective.parse(value)
    if isinstance(value, Objective):
        return value
    raise ObjectiveError(f"an objective is text; {_FORMS}")


WrittenObjective = Annotated[
    Objective,
    BeforeValidator(_read),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 220,
            "pattern": r"^(specs|fom|pareto:[a-z][a-z0-9_]{0,63}[+-]?"
            r"(,[a-z][a-z0-9_]{0,63}[+-]?){1,2})$",
        }
    ),
]
"""An objective as a field of a model: text outside, a value inside."""
