"""Regular expressions of the numbers in a range, written as designers write them: `12.5u`."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from circuits.units import format_quantity
from circuits.variable import Scale, Variable

_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "meg", 9: "g",
    12: "t",
}  # fmt: skip
_ONE = 1000
"""Numbers have three decimals, so that they are counted in thousandths."""
_ANY_FRACTION = r"(\.[0-9]{1,3})?"
_LEAST = Decimal("1e-6")
"""Of its longer end: how near to zero a range goes that reaches zero."""


def quantity_pattern(variable: Variable) -> str:
    """The values of a variable: 1 to 999 with up to three decimals, and an SI prefix.

    Every match is within the range, to the digit. A range so narrow that no such number lies in it
    has its two ends.
    """
    low, high = Decimal(repr(variable.low)), Decimal(repr(variable.high))
    least = max(abs(low), abs(high)) * _LEAST
    found = _positive(variable, max(low, least), high)
    found += [f"-({one})" for one in _positive(variable, max(-high, least), -low)]
    found += ["0"] if low <= 0 <= high else []
    ends = [re.escape(format_quantity(end)) for end in (variable.low, variable.high)]
    return f"^({'|'.join(found or ends)})$"


def _positive(variable: Variable, low: Decimal, high: Decimal) -> list[str]:
    """Alternatives for the numbers from `low` to `high`, both above zero."""
    if variable.scale is Scale.INTEGER:
        return _integers(int(low.to_integral_value(ROUND_CEILING)), int(high))
    found = []
    for exponent, prefix in _PREFIXES.items():
        if prefix == variable.unit == "m":  # 1m of a length is a metre
            continue
        first = max(int((low.scaleb(-exponent) * _ONE).to_integral_value(ROUND_CEILING)), _ONE)
        last = int((high.scaleb(-exponent) * _ONE).to_integral_value(ROUND_FLOOR))
        numbers = _decimals(first, min(last, 1000 * _ONE - 1))
        if numbers:
            found.append(f"({'|'.join(numbers)}){prefix}")
    return found


def _decimals(first: int, last: int) -> list[str]:
    """Alternatives for the numbers from `first` to `last`, in thousandths."""
    if first > last:
        return []
    (whole, part), (last_whole, last_part) = divmod(first, _ONE), divmod(last, _ONE)
    if whole == last_whole:
        return [f"{whole}{_fraction(part, last_part)}"]
    between = _integers(whole + 1, last_whole - 1)
    return [
        f"{whole}{_fraction(part, _ONE - 1)}",
        *([f"({'|'.join(between)}){_ANY_FRACTION}"] if between else []),
        f"{last_whole}{_fraction(0, last_part)}",
    ]


def _fraction(first: int, last: int) -> str:
    """What may follow the whole number: thousandths from `first` to `last`, in any length."""
    found = []
    for width in (1, 2, 3):
        step = 10 ** (3 - width)
        low, high = -(-first // step), last // step
        if low <= high:
            found.append(_digits(f"{low:0{width}d}", f"{high:0{width}d}"))
    listed = rf"\.({'|'.join(found)})"
    return f"({listed})?" if first == 0 else listed


def _integers(first: int, last: int) -> list[str]:
    """Alternatives for the whole numbers from `first`, at least 0, to `last`: one a width."""
    found = []
    for width in range(len(str(first)), len(str(max(last, 0))) + 1):
        low, high = max(first, 10 ** (width - 1) if width > 1 else 0), min(last, 10**width - 1)
        if low <= high:
            found.append(_digits(str(low), str(high)))
    return found


def _digits(low: str, high: str) -> str:
    """The texts from `low` to `high`, of as many digits as both have."""
    if not low:
        return ""
    rest = len(low) - 1
    if low[0] == high[0]:
        return low[0] + _digits(low[1:], high[1:])
    first, last = int(low[0]), int(high[0])
    parts = []
    if low[1:] != "0" * rest:
        parts.append(low[0] + _digits(low[1:], "9" * rest))
        first += 1
    if high[1:] != "9" * rest:
        parts.append(high[0] + _digits("0" * rest, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}]" + "[0-9]" * rest)
    return f"({'|'.join(parts)})" if len(parts) > 1 else parts[0]
