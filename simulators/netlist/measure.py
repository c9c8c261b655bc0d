"""Measures: `.meas` cards as data, so that nothing a user wrote is run as a command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from circuits.errors import CircuitError, Finding
from simulators.netlist.card import Card

_CARD = re.compile(
    r"\.meas(?:ure)?\s+(?P<analysis>ac|dc|tran)\s+(?P<name>[a-z_]\w*)\s+(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FIRST_WORDS = "find when trig min max min_at max_at pp avg rms integ deriv".split()
# vdb(out), i(vdd), v(a,b), numbers, key=value with any of them: no quote, backtick, $, ;, |, <, >.
_SAFE = re.compile(r"[A-Za-z0-9_.#+\-*/=(),\[\]@: ]+$")
_NUMBER = re.compile(r"\{[^{}]*\}|'[^']*'|\"[^\"]*\"")
"""A value that is an expression of parameters: a number by the time that ngspice sees it."""
_VECTORS = frozenset("all time frequency temper".split())


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that ngspice takes over the vectors of one analysis.

    Attributes:
        name: lower case.
        analysis: `ac`, `dc` or `tran`.
        what: the rest of the card, such as `find vdb(out) at=1`.
        card: where it stands.
    """

    name: str
    analysis: str
    what: str
    card: Card

    @property
    def command(self) -> str:
        """As an ngspice command and, with a dot before it, as a card; expressions in it stay."""
        return f"meas {self.analysis} {self.name} {self.what}"


def read_measure(card: Card) -> Measure:
    """The measure on a `.meas` card.

    Raises:
        CircuitError: a form that cannot work here, with the cure.
    """
    match = _CARD.match(card.text)
    if match is None:
        raise CircuitError(
            [card.finding(f"{card.text!r} is no measure", "Write `.meas ac|dc|tran NAME find ...`")]
        )
    what = " ".join(match["what"].lower().split())  # as a command, ngspice knows vdb but not VDB
    if re.match(r"param\s*=", what, re.IGNORECASE):
        problem = f"measure {match['name']!r} is an expression over other measures"
        raise CircuitError([card.finding(problem, "Write it as a metric's `expression` instead")])
    plain = _NUMBER.sub("0", what)
    if not _SAFE.match(plain) or what.split()[0].lower() not in _FIRST_WORDS:
        problem = f"measure {match['name']!r} has a form that is not supported: {what!r}"
        cure = f"Start with one of {' '.join(_FIRST_WORDS)}"
        raise CircuitError([card.finding(problem, cure)])
    return Measure(match["name"].lower(), match["analysis"].lower(), what, card)


def is_measure(card: Card) -> bool:
    """Whether it is a `.meas` card."""
    return card.keyword in {".meas", ".measure"}


def check_measures(cards: Sequence[Card], analyses: Sequence[str]) -> Iterator[Finding]:
    """Measures of a wrong form, without their analysis, or with the name of a vector.

    ngspice stores a measure as a vector of its name, so that one named as a node would overwrite
    the node's voltage under the measures that follow.
    """
    nodes = _nodes(cards)
    for card in cards:
        if not is_measure(card):
            continue
        try:
            measure = read_measure(card)
        except CircuitError as error:
            yield from error.findings
            continue
        if measure.analysis not in analyses:
            problem = f"measure {measure.name!r} needs a {measure.analysis} analysis"
            yield card.finding(problem, f"Add a .{measure.analysis} card")
        if measure.name in nodes:
            problem = f"measure {measure.name!r} has the name of a node or vector"
            yield card.finding(problem, "Give it another name")


def _nodes(cards: Sequence[Card]) -> frozenset[str]:
    """Every word of the element cards outside of subcircuits that could be a node's name."""
    nodes: set[str] = set(_VECTORS)
    depth = 0
    for card in cards:
        depth += {".subckt": 1, ".ends": -1}.get(card.keyword, 0)
        if depth == 0 and not card.keyword.startswith("."):
            nodes.update(word.lower() for word in card.words[1:] if re.fullmatch(r"\w+", word))
    return frozenset(nodes)
