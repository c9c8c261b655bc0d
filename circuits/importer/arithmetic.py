"""Arithmetic as netlists write it: `2*wn+0.1u`, `(vdd > 1.5) ? 3 : 4`, read to a tree."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(?P<suffix>[a-z]*)"
    r"|(?P<name>[a-z_][\w.]*)|(?P<sign>\*\*|\|\||&&|[=!<>]=|[-+*/^()<>?:,!]))",
    re.IGNORECASE,
)
_SUFFIXES = (
    ("meg", 1e6), ("x", 1e6), ("mil", 25.4e-6), ("t", 1e12), ("g", 1e9), ("k", 1e3), ("m", 1e-3),
    ("u", 1e-6),     ("n", 1e-9), ("p", 1e-12), ("f", 1e-15), ("a", 1e-18),
)  # fmt: skip
_BINARY: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)
"""Operators from the loosest to the tightest; powers and signs are tighter."""
_UNARY: dict[str, Callable[[float], float]] = {
    "-": operator.neg,
    "+": operator.pos,
    "!": operator.not_,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs, "min": min, "max": max, "sqrt": math.sqrt, "exp": math.exp, "log": math.log,
    "ln": math.log, "log10": math.log10, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "atan": math.atan, "int": math.trunc, "floor": math.floor, "ceil": math.ceil,
    "nint": round, "sgn": lambda x: math.copysign(1.0, x) if x else 0.0,
    "pow": math.pow, "pwr": lambda x, y: math.copysign(abs(x) ** y, x),
    "db": lambda x: 20 * math.log10(abs(x)),
}  # fmt: skip
_LENGTH = 4000
_DEPTH = 60


class ArithmeticTextError(ValueError):
    """Text that is no arithmetic, or has no value; the message says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """A number, a name, an operator or a call, with what it works on.

    Attributes:
        kind: `number`, `name`, `sign`, `if` or `call`.
        text: the number as Python writes it, the lower-case name, or the operator.
        inner: operands.
    """

    kind: str
    text: str
    inner: tuple[Node, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names in it."""
        if self.kind == "name":
            return frozenset({self.text})
        return frozenset().union(*(node.names for node in self.inner))

    def value(self, values: Mapping[str, float]) -> float:
        """The number.

        Raises:
            ArithmeticTextError: a name without a value, a function that is not known, no number.
        """
        if self.kind == "number":
            return float(self.text)
        if self.kind == "name":
            if self.text not in values:
                raise ArithmeticTextError(f"{self.text!r} has no value here")
            return values[self.text]
        if self.kind == "if":
            return self.inner[1 if self.inner[0].value(values) else 2].value(values)
        arguments = [node.value(values) for node in self.inner]
        try:
            return float(self._function()(*arguments))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise ArithmeticTextError(f"{self.text} of {arguments} has no value") from error

    def _function(self) -> Callable[..., float]:
        if self.kind == "call":
            if self.text not in _FUNCTIONS:
                raise ArithmeticTextError(f"{self.text}() is no function known here")
            return _FUNCTIONS[self.text]
        if len(self.inner) == 1:
            return _UNARY[self.text]
        if self.text == "**":
            return math.pow
        return next(level[self.text] for level in _BINARY if self.text in level)


def read_number(text: str) -> float | None:
    """The value of a number with a SPICE suffix (`1.5u`, `10pF`, `1meg`); None if it is none."""
    match = _TOKEN.fullmatch(text.lower().lstrip("+-")) if len(text) < 100 else None
    if match is None or match["number"] is None:
        return None
    return (-1 if text.startswith("-") else 1) * _number(match)


def read_arithmetic(text: str) -> Node:
    """The tree of an expression, without the quotes or braces around it.

    Raises:
        ArithmeticTextError: it is none, or too long.
    """
    text = text.strip()
    if len(text) > 1 and text[0] + text[-1] in {"''", '""', "{}"}:
        text = text[1:-1]
    if len(text) > _LENGTH:
        raise ArithmeticTextError(f"{text[:40]!r}... is longer than {_LENGTH} characters")
    return _Reader(text).tree()


def _number(match: re.Match[str]) -> float:
    suffix = match["suffix"].lower()
    number = float(match["number"])
    for letters, factor in _SUFFIXES:
        if suffix.startswith(letters):
            # Through text, so that 1.1u is the float of 1.1e-6 as ngspice has it.
            return (
                float(f"{match['number']}e{round(math.log10(factor))}")
                if ("e" not in match["number"].lower() and letters != "mil")
                else number * factor
            )
    return number


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text.lower())
        self._place = 0
        self._depth = 0

    def tree(self) -> Node:
        node = self._choice()
        if self._place < len(self._tokens):
            raise self._error()
        return node

    def _split(self, text: str) -> list[re.Match[str]]:
        tokens, place = [], 0
        while text[place : place + 1]:
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._error()
            tokens.append(match)
            place = match.end()
        return tokens

    def _error(self) -> ArithmeticTextError:
        return ArithmeticTextError(f"{self._text[:80]!r} is no arithmetic that is known here")

    def _sign(self, *wanted: str) -> str | None:
        if self._place < len(self._tokens) and self._tokens[self._place]["sign"] in wanted:
            self._place += 1
            return str(self._tokens[self._place - 1]["sign"])
        return None

    def _need(self, sign: str) -> None:
        if self._sign(sign) is None:
            raise self._error()

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ArithmeticTextError(f"{self._text[:40]!r}... is nested too deeply")
        node = self._level(0)
        if self._sign("?"):
            yes = self._choice()
            self._need(":")
            node = Node("if", "?", (node, yes, self._choice()))
        self._depth -= 1
        return node

    def _level(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._signed()
        node = self._level(level + 1)
        while sign := self._sign(*_BINARY[level]):
            node = Node("sign", sign, (node, self._level(level + 1)))
        return node

    def _signed(self) -> Node:
        signs = []
        while sign := self._sign("-", "+", "!"):
            signs.append(sign)
        if len(signs) > _DEPTH:
            raise self._error()
        node = self._power()
        for sign in reversed(signs):
            node = Node("sign", sign, (node,))
        return node

    def _power(self) -> Node:
        base = self._atom()
        if self._sign("**", "^"):
            self._depth += 1
            if self._depth > _DEPTH:
                raise self._error()
            base = Node("sign", "**", (base, self._signed()))
            self._depth -= 1
        return base

    def _atom(self) -> Node:
        if self._sign("("):
            node = self._choice()
            self._need(")")
            return node
        if self._place >= len(self._tokens) or self._tokens[self._place]["sign"]:
            raise self._error()
        token = self._tokens[self._place]
        self._place += 1
        if token["number"]:
            return Node("number", repr(_number(token)))
        if not self._sign("("):
            return Node("name", token["name"])
        arguments = [self._choice()]
        while self._sign(","):
            arguments.append(self._choice())
        self._need(")")
        return Node("call", token["name"], tuple(arguments))
