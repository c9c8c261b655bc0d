"""Text with room for numbers: what a design's values are put into."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulators.netlist.numparam import Draw, ExpressionError, Formula, parse_formula
from simulators.netlist.scope import Scope

TEMPERATURE = "temper"
"""Name of the corner's temperature (degrees Celsius) in expressions."""
BRACED = re.compile(r"\{[^{}]*\}|'[^']*'|\"[^\"]*\"")
"""An expression on a card: in braces or in quotes."""
_VALUE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*=\s*([A-Za-z_][\w.]*)(?![\w.(])")
_PROBE = re.compile(r"(?<![\w.])([vi])\s*\(\s*([^()]*?)\s*\)", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w.#:])[A-Za-z_][\w.]*(?!\s*[\w.(:#])(?!\s*=(?!=))")

Piece = str | Formula


@dataclass(frozen=True, slots=True)
class Parts:
    """A line, in pieces: text as it is, and formulas whose values a design decides."""

    pieces: tuple[Piece, ...]

    @property
    def static(self) -> bool:
        """Whether no design changes it."""
        return all(isinstance(piece, str) for piece in self.pieces)

    def text(self, environment: Mapping[str, float], draw: Draw) -> str:
        """The line for one design.

        Raises:
            ExpressionError: a formula has no value.
        """
        pieces = self.pieces
        if len(pieces) == 1 and isinstance(pieces[0], str):
            return pieces[0]
        # A list, not a generator: this runs for each line of each deck of each design.
        return "".join(
            [one if isinstance(one, str) else repr(one.value(environment, draw)) for one in pieces]
        )


def value_parts(text: str, scope: Scope) -> Parts:
    """`text` with numbers for its expressions: those in braces or quotes, and `name=parameter`.

    Raises:
        ExpressionError: an expression that cannot be read, or with a name of no value.
    """
    text = _VALUE.sub(lambda match: _quoted(match, scope), text)
    pieces: list[Piece] = []
    place = 0
    for match in BRACED.finditer(text):
        pieces += [text[place : match.start()], _piece(match[0], scope)]
        place = match.end()
    return joined([*pieces, text[place:]])


def expression_parts(text: str, scope: Scope, node: Callable[[str], str]) -> Parts:
    """A behavioural expression: parameters as numbers, nodes and sources by their flat names.

    Args:
        text: such as `v={gain*v(in,ref)}`, braces kept.
        scope: of the instance.
        node: flat name of a node.
    """

    def probe(match: re.Match[str]) -> str:
        inner = [one.strip().lower() for one in match[2].split(",")]
        if match[1].lower() == "i":
            return f"i({flat_name(inner[0], scope.path)})"
        return f"v({','.join(node(one) for one in inner)})"

    moved = _PROBE.sub(probe, text)
    spans = [match.span() for match in _PROBE.finditer(moved)]
    starts = [start for start, _ in spans]
    pieces: list[Piece] = []
    place = 0
    for match in _NAME.finditer(moved):
        before = bisect_right(starts, match.start())  # a search: there may be many
        inside = before > 0 and match.start() < spans[before - 1][1]
        word = match[0].lower()
        if inside or word == TEMPERATURE:  # ngspice knows it, and how to sweep it
            continue
        if word not in scope.known and word not in scope.open:
            continue
        # In brackets: -2 squared is not -(2 squared).
        pieces += [moved[place : match.start()], "(", _piece(word, scope), ")"]
        place = match.end()
    return joined([*pieces, moved[place:]])


def flat_name(name: str, path: str) -> str:
    """Ngspice's own name of the element `name` in the instance at `path`: `m.xdut.mn1`."""
    return f"{name[0]}.{path}{name}" if path else name


def joined(pieces: list[Piece]) -> Parts:
    """Parts with neighbouring texts put together."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return Parts(tuple(found))


def number_piece(text: str, scope: Scope) -> float | Formula:
    """A parameter's value: a number if no design changes it.

    Raises:
        ExpressionError: it cannot be read, or a name has no value.
    """
    formula = parse_formula(text)
    missing = sorted(formula.names - scope.known.keys() - scope.open)
    if missing:
        raise ExpressionError(f"{formula.text!r}: {missing[0]!r} has no value")
    if formula.random or formula.names & scope.open:
        return formula
    return formula.value(scope.known)


def _piece(text: str, scope: Scope) -> Piece:
    found = number_piece(text, scope)
    return repr(found) if isinstance(found, float) else found


def _quoted(match: re.Match[str], scope: Scope) -> str:
    """`w=w1` as `w={w1}` where w1 is a parameter; a word such as `pwl=on` stays."""
    word = match[2].lower()
    known = word in scope.known or word in scope.open
    return f"{match[1]}={{{word}}}" if known else match[0]
