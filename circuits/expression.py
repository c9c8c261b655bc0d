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
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "log10": math.log10,
    "ln": math.log,
    "exp": math.exp,
    "mod": operator.mod,
}


class ExpressionError(ValueError):
    """Text that is no arithmetic expression."""


class Expression:
    """An arithmetic expression: numbers, names, + - * / **, and a few functions.

    The functions are abs min max sqrt log10 ln exp, and mod (remainder of the divisor's sign).
    It is parsed to a tree of those and nothing else; no Python is evaluated.

    Example:
        >>> Expression("gain - common_mode_gain").value({"gain": 60.0, "common_mode_gain": -20.0})
        80.0
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"{text!r} is no arithmetic expression") from error
        self.names = frozenset(self._collect(self._tree))

    def value(self, values: Mapping[str, float | None]) -> float | None:
        """The number; None when a name has no value or the result is not finite."""
        try:
            result = self._evaluate(self._tree, values)
        except (_NoValueError, ArithmeticError, ValueError):
            return None
        return result if isinstance(result, float) and math.isfinite(result) else None

    def _collect(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Constant(value=int() | float()):
                return []
            case ast.Name(id=name):
                return [name]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self._collect(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._collect(left) + self._collect(right)
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]) if (
                name in _FUNCTIONS
            ):
                return [found for arg in args for found in self._collect(arg)]
        raise ExpressionError(
            f"{self.text!r}: only numbers, names, + - * / ** and {', '.join(_FUNCTIONS)} are known"
        )

    def _evaluate(self, node: ast.expr, values: Mapping[str, float | None]) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                found = values.get(name)
                if found is None:
                    raise _NoValueError(name)
                return found
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](self._evaluate(operand, values))
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](
                    self._evaluate(left, values), self._evaluate(right, values)
                )
            case ast.Call(func=ast.Name(id=name), args=args):
                return float(_FUNCTIONS[name](*(self._evaluate(arg, values) for arg in args)))
        raise AssertionError(f"unchecked node {node!r}")


class _NoValueError(Exception):
    """A name without a value."""
