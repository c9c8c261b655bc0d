"""Operators and functions of parameter expressions, with the meaning that numparam gives them."""

from __future__ import annotations

import math
from collections.abc import Callable


def power(base: float, exponent: float) -> float:
    """A power whose meaning does not hang on ngspice's compatibility mode.

    numparam takes |base|^exponent, in mode hsa the power itself: they agree on even exponents.
    """
    if base < 0 and exponent % 2 != 0:
        raise ValueError("a negative base with this exponent means different things; use pow()")
    return math.pow(abs(base), exponent)


def _absolute_power(base: float, exponent: float) -> float:
    return math.pow(abs(base), exponent)


def _nearest(value: float) -> float:
    return float(round(value))


OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    "==": lambda a, b: float(a == b),
    "=": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<>": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b),
    "<=": lambda a, b: float(a <= b),
    ">=": lambda a, b: float(a >= b),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
}
FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "sqr": (1, lambda a: a * a),
    "sqrt": (1, math.sqrt),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "tan": (1, math.tan),
    "asin": (1, math.asin),
    "acos": (1, math.acos),
    "atan": (1, math.atan),
    "arctan": (1, math.atan),
    "sinh": (1, math.sinh),
    "cosh": (1, math.cosh),
    "tanh": (1, math.tanh),
    "asinh": (1, math.asinh),
    "acosh": (1, math.acosh),
    "atanh": (1, math.atanh),
    "exp": (1, math.exp),
    "ln": (1, math.log),
    "log": (1, math.log),
    "log10": (1, math.log10),
    "abs": (1, abs),
    "sgn": (1, lambda a: float((a > 0) - (a < 0))),
    "int": (1, lambda a: float(math.trunc(a))),
    "nint": (1, _nearest),
    "floor": (1, lambda a: float(math.floor(a))),
    "ceil": (1, lambda a: float(math.ceil(a))),
    "pow": (2, math.pow),
    "pwr": (2, _absolute_power),
    "min": (2, min),
    "max": (2, max),
    "ternary_fcn": (3, lambda a, b, c: b if a else c),
}
