"""Whether a value that a model wrote is near enough to its variable's range to be meant."""

from __future__ import annotations

from circuits.units import format_quantity, rounded
from circuits.variable import Scale, Variable

_REACH = 10.0


def implausible(variable: Variable, value: float) -> bool:
    """Whether `value` (SI units) is further out of range than a designer's overshoot.

    Beyond a factor of ten past either end of a range of positive quantities a slipped SI prefix
    is likelier than an intended value; where the range reaches zero or below, the distance is
    counted in tens of its span. Clamping such a value would make a design that nobody proposed.
    """
    if variable.low > 0 and variable.scale is not Scale.INTEGER:
        return not variable.low / _REACH <= value <= variable.high * _REACH
    reach = _REACH * (variable.high - variable.low)
    return not variable.low - reach <= value <= variable.high + reach


def cure(variable: Variable, text: str, value: float) -> str:
    """What is wrong with an implausible value, and how to write a good one."""
    low = format_quantity(variable.low, variable.unit)
    high = format_quantity(variable.high, variable.unit)
    example = format_quantity(rounded(variable.from_unit(0.5), 3))
    return (
        f"{text} means {value:.6g} {variable.unit or '(a count)'}, which is far outside "
        f"{low} to {high}; write the value with its SI prefix, such as "
        f'"{example}"'
    )
