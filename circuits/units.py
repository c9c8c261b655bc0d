"""Numbers as designers write them: `12.5u`, `10k`, `1meg`, exactly there and back.

A bare upper-case `M` is refused: SPICE reads it as milli, people mean mega.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

_EXPONENTS = {
    "t": 12, "g": 9, "meg": 6, "k": 3, "": 0,
    "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18,
}  # fmt: skip
_PREFIXES = {exponent: prefix for prefix, exponent in _EXPONENTS.items()}
_NUMBER = re.compile(
    r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<suffix>[^\s\d]*)\s*$"
)


_PREFIXED = re.compile(r"[fpnumkMG](m|V|A|F|Ohm|Hz|s|W|S)")
"""Units that have a prefix already: a PDK's netlist may count in um."""


_SHOWN = {"meg": "M", "g": "G", "t": "T"}
"""Prefixes as people write them, where SPICE has others."""


class UnitError(ValueError):
    """Text that is no number with an SI prefix."""


def parse_quantity(text: str | float, unit: str = "", *, mega_m: bool = False) -> float:
    """The value of `text` in SI units, correctly rounded.

    Args:
        text: a number, or text such as `12.5u`, `10 kOhm`, `1e-6`, `0.3um`.
        unit: the unit that may follow the prefix (`m`, `Ohm`, `F`); any case.
        mega_m: read a bare `M` as mega, as an LLM means it, instead of refusing it.

    Raises:
        UnitError: not a finite number, or a prefix that is unknown or ambiguous.
    """
    if isinstance(text, bool):
        raise UnitError(f"{text!r} is no number")
    if isinstance(text, int | float):
        return _finite(text)
    match = _NUMBER.match(text.replace("µ", "u").replace("μ", "u").replace("Ω", "ohm"))
    if match is None:
        raise UnitError(f"{_short(text)} is no number; write for example 12.5u or 1.25e-5")
    exponent = _exponent(match["suffix"], unit, mega_m=mega_m)
    if exponent is None:
        raise UnitError(
            f"{_short(text)}: {_short(match['suffix'])} is no SI prefix here; "
            "write f, p, n, u, m, k, meg or g (m is milli, meg is mega)"
        )
    try:
        return _finite(Decimal(match["number"]).scaleb(exponent))
    except ArithmeticError as error:
        raise UnitError(f"{_short(text)} is out of the range of numbers") from error


def _finite(number: float | Decimal) -> float:
    try:
        value = float(number)
    except OverflowError as error:
        raise UnitError("a number of hundreds of digits is out of range") from error
    if not math.isfinite(value):
        raise UnitError(f"{_short(str(number))} is not finite")
    return value


def _short(text: str) -> str:
    """The text, quoted, for a message: not all of it when it is a page long."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}..."


def _exponent(suffix: str, unit: str, *, mega_m: bool) -> int | None:
    """Power of ten that `suffix` stands for; None when it stands for none."""
    lowered = suffix.lower()
    if unit and suffix == unit:  # written just as the unit is: 1.5F of a unit F is no femto
        return 0
    if lowered in _EXPONENTS and not (unit.lower() == lowered and lowered == "m"):
        return _ambiguous_m(suffix, mega_m=mega_m, plain=_EXPONENTS[lowered])
    if lowered == unit.lower():
        return 0
    if not lowered.endswith(unit.lower()) or not unit:
        return None
    prefix = suffix[: len(suffix) - len(unit)]
    if prefix.lower() not in _EXPONENTS:
        return None
    return _ambiguous_m(prefix, mega_m=mega_m, plain=_EXPONENTS[prefix.lower()])


def _ambiguous_m(prefix: str, *, mega_m: bool, plain: int) -> int | None:
    if prefix != "M":
        return plain
    return 6 if mega_m else None


def format_quantity(value: float, unit: str = "") -> str:
    """`value` (SI units) with a prefix and every digit: `parse_quantity` gives it back exactly.

    Example:
        >>> format_quantity(1.2345e-05, "m")
        '12.345um'
    """
    value = float(value)  # the repr of a numpy scalar is no number
    if value == 0 or not math.isfinite(value):
        return f"{value:g}{unit}"
    decimal = Decimal(repr(value))
    if _PREFIXED.fullmatch(unit):
        return f"{decimal.normalize():f}{unit}"
    exponent = max(-18, min(12, 3 * math.floor(decimal.adjusted() / 3)))
    number = decimal.scaleb(-exponent).normalize()
    return f"{number:f}{_PREFIXES[exponent]}{unit}"


def rounded(value: float, digits: int) -> float:
    """`value` to `digits` significant digits."""
    return float(f"{value:.{digits - 1}e}")


def show_quantity(value: float, unit: str = "", digits: int = 4) -> str:
    """`value` (SI units) rounded to `digits` significant digits, for tables that people read."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    if unit in {"dB", "deg"} or _PREFIXED.fullmatch(unit):
        return f"{value:.{digits}g} {unit}"
    text = format_quantity(rounded(value, digits))
    prefix = text.lstrip("+-0123456789.")
    return f"{text.removesuffix(prefix)} {_SHOWN.get(prefix, prefix)}{unit}".strip()
