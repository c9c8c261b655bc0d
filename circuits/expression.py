"""Arithmetic over named numbers, for metrics that combine measures."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,  # a negative base with a fraction above it is an error, no complex number
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, tuple[Callable[..., float], int, int]] = {
    "abs": (abs, 1, 1),
    "min": (min, 2, 99),
    "max": (max, 2, 99),
    "sqrt": (math.sqrt, 1, 1),
    "log10": (math.log10, 1, 1),
    "ln": (math.log, 1, 1),
    "exp": (math.exp, 1, 1),
    "mod": (operator.mod, 2, 2),
}
"""The function, and the least and the most arguments that it takes."""
_LENGTH = 1000
_DEPTH = 50


class ExpressionError(ValueError):
    """Text that is no arithmetic expression; the message says what is known."""


class Expression:
    """An arithmetic expression: numbers, names, + - * / **, and a few functions.

    The functions are abs min max sqrt log10 ln exp, and mod (remainder of the divisor's sign).
    It is parsed to a tree of those and nothing else; no Python is evaluated, and all arithmetic
    is of floats, so that no power can grow without bound. Names are read in lower case, as SPICE
    reads them.

    Raises:
        ExpressionError: anything else, and text that is too long or nested too deeply.

    Example:
        >>> Expression("gain - common_mode_gain").value({"gain": 60.0, "common_mode_gain": -20.0})
        80.0
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        if len(self.text) > _LENGTH:
            raise ExpressionError(
                f"{self.text[:40]!r}... is longer than {_LENGTH} characters; use two metrics"
            )
        try:
            self._tree = ast.parse(self.text.lower(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"{self.text!r} is no arithmetic expression") from error
        self.names = frozenset(self._names(self._tree, _DEPTH))

    def value(self, values: Mapping[str, float | None]) -> float | None:
        """The number; None when a name has no value or the result is not finite.

        Args:
            values: by lower-case name, SI units.
        """
        try:
            result = self._evaluate(self._tree, values)
        except (_NoValueError, ArithmeticError, ValueError):
            return None
        return result if math.isfinite(result) else None

    def _names(self, node: ast.expr, depth: int) -> list[str]:
        """Names in the tree, after a look at every node of it."""
        if depth == 0:
            raise ExpressionError(f"{self.text!r} is nested too deeply; use two metrics")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return []
            case ast.Name(id=name):
                return [name]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self._names(operand, depth - 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._names(left, depth - 1) + self._names(right, depth - 1)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                self._count(name, len(args))
                return [found for arg in args for found in self._names(arg, depth - 1)]
        raise ExpressionError(
            f"{self.text!r}: only numbers, names, + - * / ** and {', '.join(_FUNCTIONS)} are known"
        )

    def _count(self, name: str, given: int) -> None:
        _, least, most = _FUNCTIONS[name]
        if not least <= given <= most:
            wanted = least if least == most else f"at least {least}"
            raise ExpressionError(f"{self.text!r}: {name} takes {wanted} arguments, not {given}")

    def _evaluate(self, node: ast.expr, values: Mapping[str, float | None]) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                found = values.get(name)
                if found is None:
                    raise _NoValueError(name)
                return float(found)
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](self._evaluate(operand, values))
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](
                    self._evaluate(left, values), self._evaluate(right, values)
                )
            case ast.Call(func=ast.Name(id=name), args=args):
                return float(_FUNCTIONS[name][0](*(self._evaluate(arg, values) for arg in args)))
        raise AssertionError(f"unchecked node {node!r}")


class _NoValueError(Exception):
    """A name without a value."""
