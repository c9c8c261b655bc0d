"""Measures: `.meas` cards as data, so that nothing a user wrote is run as a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuits.errors import CircuitError
from simulators.netlist.card import Card

_CARD = re.compile(
    r"\.meas(?:ure)?\s+(?P<analysis>ac|dc|tran)\s+(?P<name>[a-z_]\w*)\s+(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FIRST_WORDS = "find when trig min max min_at max_at pp avg rms integ deriv".split()
# vdb(out), i(vdd), v(a,b), numbers, key=value with any of them: no quote, backtick, $, ;, |, <, >.
_SAFE = re.compile(r"[A-Za-z0-9_.#+\-*/=(),\[\]@: ]+$")


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that ngspice takes over the vectors of one analysis.

    Attributes:
        name: lower case.
        analysis: `ac`, `dc` or `tran`.
        what: the rest of the card, such as `find vdb(out) at=1`.
    """

    name: str
    analysis: str
    what: str

    @property
    def command(self) -> str:
        """As an ngspice command and, with a dot before it, as a card."""
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
    what = " ".join(match["what"].split())
    if re.match(r"param\s*=", what, re.IGNORECASE):
        problem = f"measure {match['name']!r} is an expression over other measures"
        raise CircuitError([card.finding(problem, "Write it as a metric's `expression` instead")])
    if not _SAFE.match(what) or what.split()[0].lower() not in _FIRST_WORDS:
        problem = f"measure {match['name']!r} has a form that is not supported: {what!r}"
        cure = f"Start with one of {' '.join(_FIRST_WORDS)}"
        raise CircuitError([card.finding(problem, cure)])
    return Measure(match["name"].lower(), match["analysis"].lower(), what)
