"""Parameter expressions of SPICE netlists, with the meaning that ngspice's numparam gives them.

An expression is parsed once and evaluated for every design: `{89.1*nf/w+443.5}`, `'2*wn'`,
`w1`, `5u`. Names are case-insensitive. No name is looked up in Python, no code is made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from simulators.netlist.functions import FUNCTIONS, OPERATORS, power

Environment = Mapping[str, float]
"""Values by lower-case name, SI units."""
Draw = Callable[[], float]
"""A standard normal number; 0.0 where nothing is drawn."""

_SCALES = {
    "t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
    "f": 1e-15,
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?P<scale>[a-z]*)"
    r"|(?P<name>[a-z_][\w.]*)"
    r"|(?P<operator>\*\*|==|!=|<>|<=|>=|&&|\|\||[-+*/^%!<>?:(),=]))",
    re.IGNORECASE,
)
_WORDS = 1000
"""Numbers, names and operators of one expression: a sum of more would exhaust Python's stack."""
_NESTING = 64
"""Levels of brackets: none is deeper in earnest, and Python's own stack ends somewhere."""


class ExpressionError(ValueError):
    """Text that is no expression, or one that has no value; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed expression.

    Attributes:
        text: as it stood in the netlist, without braces or quotes.
        names: what it refers to, lower case.
        random: whether it draws random numbers.
    """

    text: str
    names: frozenset[str]
    random: bool
    _run: Callable[[Environment, Draw], float]

    def __reduce__(self) -> tuple[Callable[[str], Formula], tuple[str]]:
        """Pickled as its text, and parsed again: decks travel to a farm's workers."""
        return parse_formula, (self.text,)

    def value(self, environment: Environment, draw: Draw = lambda: 0.0) -> float:
        """The value, SI units.

        Args:
            environment: of every name in `names`.
            draw: standard normal numbers for gauss() and agauss(); none by default.

        Raises:
            ExpressionError: a name has no value, or the arithmetic has none.
        """
        try:
            found = float(self._run(environment, draw))
        except KeyError as error:
            raise ExpressionError(f"{self.text!r}: {error.args[0]!r} has no value") from error
        except RecursionError as error:
            problem = f"{self.text[:60]!r}... is too long; work it out in several parameters"
            raise ExpressionError(problem) from error
        except (ArithmeticError, ValueError) as error:
            raise ExpressionError(f"{self.text!r} has no value: {error}") from error
        if not math.isfinite(found):
            raise ExpressionError(f"{self.text!r} has no finite value")
        return found


@lru_cache(maxsize=65536)
def parse_formula(text: str) -> Formula:
    """The expression in `text`, with or without its braces or quotes.

    Raises:
        ExpressionError: it is none.
    """
    bare = text.strip()
    while len(bare) > 1 and (bare[0], bare[-1]) in {("{", "}"), ("'", "'"), ('"', '"')}:
        bare = bare[1:-1].strip()
    parser = _Parser(bare)
    run = parser.whole()
    return Formula(bare, frozenset(parser.names), parser.random, run)


_Run = Callable[[Environment, Draw], float]


class _Parser:
    """Precedence climbing over the operators of numparam; each method returns a closure."""

    _LEVELS: tuple[tuple[str, ...], ...] = (
        ("||",), ("&&",), ("==", "!=", "<>", "="), ("<", ">", "<=", ">="), ("+", "-"),
        ("*", "/", "%"),
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.names: set[str] = set()
        self.random = False
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> _Run:
        run = self._ternary()
        if self._at < len(self._tokens):
            raise self._error(f"does not go on with {self._tokens[self._at][1]!r}")
        return run

    def _ternary(self) -> _Run:
        self._depth += 1
        if self._depth > _NESTING:
            raise ExpressionError(f"{self._text[:60]!r}...: over {_NESTING} brackets deep")
        condition = self._binary(0)
        if self._take("?"):
            yes = self._ternary()
            self._expect(":")
            no = self._ternary()
            run: _Run = lambda e, d: yes(e, d) if condition(e, d) else no(e, d)  # noqa: E731
        else:
            run = condition
        self._depth -= 1
        return run

    def _binary(self, level: int) -> _Run:
        if level == len(self._LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (operator := self._take(*self._LEVELS[level])) is not None:
            left = _apply(OPERATORS[operator], left, self._binary(level + 1))
        return left

    def _unary(self) -> _Run:
        signs = ""
        while (sign := self._take("-", "+", "!")) is not None:
            signs += sign
        run = self._power()
        for sign in reversed(signs):
            if sign != "+":
                run = _sign(sign, run)
        return run

    def _power(self) -> _Run:
        run = self._atom()
        while self._take("^", "**") is not None:  # left to right: 2^3^2 is 64 in numparam
            run = _apply(power, run, self._exponent())
        return run

    def _exponent(self) -> _Run:
        sign = self._take("-", "+")  # one: of two, ngspice drops one
        run = self._atom()
        return _sign("-", run) if sign == "-" else run

    def _atom(self) -> _Run:
        if self._at >= len(self._tokens):
            raise self._error("ends too early")
        kind, word = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            number = float(word)
            return lambda _e, _d: number
        if kind == "name":
            return self._call(word) if self._take("(") else self._name(word)
        if word == "(":
            inner = self._ternary()
            self._expect(")")
            return inner
        raise self._error(f"has {word!r} where a value should be")

    def _name(self, word: str) -> _Run:
        self.names.add(word)
        return lambda e, _d: e[word]

    def _call(self, word: str) -> _Run:
        arguments = [] if self._take(")") else self._arguments()
        if word in {"agauss", "gauss"}:
            self.random = True
            return _gauss(word, self._counted(word, arguments, 3))
        if word in {"aunif", "unif", "limit"}:
            raise self._error(f"uses {word}(), which is not supported; use agauss()")
        if word not in FUNCTIONS:
            raise self._error(f"uses {word}(), which is no function of parameters")
        count, function = FUNCTIONS[word]
        return _applied(function, self._counted(word, arguments, count))

    def _arguments(self) -> list[_Run]:
        found = [self._ternary()]
        while self._take(","):
            found.append(self._ternary())
        self._expect(")")
        return found

    def _counted(self, word: str, arguments: list[_Run], count: int) -> list[_Run]:
        if len(arguments) != count:
            raise self._error(f"gives {word}() {len(arguments)} arguments, it takes {count}")
        return arguments

    def _take(self, *operators: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in _WANTED:
            word = self._tokens[self._at][1]
            if word in operators:
                self._at += 1
                return word
        return None

    def _expect(self, operator: str) -> None:
        if self._take(operator) is None:
            raise self._error(f"lacks a {operator!r}")

    def _error(self, problem: str) -> ExpressionError:
        return ExpressionError(f"{self._text[:200]!r} {problem}")


class _Operators:
    """Membership of operator tokens, so that a name `if` is never one."""

    def __contains__(self, token: object) -> bool:
        return isinstance(token, tuple) and token[0] == "operator"


_WANTED = _Operators()


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, lower-case text) of the tokens; numbers with their scale factor applied."""
    found: list[tuple[str, str]] = []
    place, text = 0, text.rstrip()
    if not text:
        raise ExpressionError("an expression is empty")
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"{text[:200]!r} has {text[place]!r}, which is no part of one")
        place = match.end()
        if len(found) >= _WORDS:
            raise ExpressionError(f"{text[:60]!r}... has over {_WORDS} numbers, names and signs")
        if match["number"] is not None:
            found.append(("number", repr(float(match["number"]) * _scale(match["scale"]))))
        elif match["name"] is not None:
            found.append(("name", match["name"].lower()))
        else:
            found.append(("operator", match["operator"]))
    return found


def _scale(letters: str) -> float:
    """The factor behind a number; letters that mean none are units, as in `10pF` and `5V`."""
    low = letters.lower()
    if low.startswith("meg"):
        return _SCALES["meg"]
    return _SCALES.get(low[:1], 1.0)


def _apply(function: Callable[[float, float], float], left: _Run, right: _Run) -> _Run:
    return lambda e, d: function(left(e, d), right(e, d))


def _applied(function: Callable[..., float], arguments: Sequence[_Run]) -> _Run:
    return lambda e, d: function(*(argument(e, d) for argument in arguments))


def _sign(sign: str, run: _Run) -> _Run:
    if sign == "-":
        return lambda e, d: -run(e, d)
    return lambda e, d: float(run(e, d) == 0)


def _gauss(word: str, arguments: Sequence[_Run]) -> _Run:
    """agauss(nominal, deviation, sigmas); gauss() has the deviation relative to the nominal."""
    nominal, deviation, sigmas = arguments

    def run(environment: Environment, draw: Draw) -> float:
        middle = nominal(environment, draw)
        spread = deviation(environment, draw) / sigmas(environment, draw)
        return middle + spread * draw() * (middle if word == "gauss" else 1.0)

    return run
