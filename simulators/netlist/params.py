"""`.param` cards: names and the text of their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from circuits.errors import Finding
from simulators.netlist.card import Card

_NAME = r"[a-z_]\w*\s*=(?!=)"
_ASSIGNMENT = re.compile(
    rf"\s*(?P<name>[a-z_]\w*)\s*=\s*"
    rf"(?P<value>'[^']*'|\{{[^}}]*\}}|\"[^\"]*\"|[^'\"{{}}]+?)\s*(?=$|,?\s*{_NAME})\s*,?",
    re.IGNORECASE,
)
_TWO_WORDS = re.compile(r"[\w.)]\s+[\w.(]")


def read_params(cards: Sequence[Card]) -> Iterator[tuple[str, str]]:
    """(lower-case name, text) of every global `.param`, in order."""
    for card in global_params(cards):
        yield from _assignments(card)


def global_params(cards: Sequence[Card]) -> Iterator[Card]:
    """The `.param` cards outside of all subcircuits."""
    depth = 0
    for card in cards:
        depth += {".subckt": 1, ".ends": -1}.get(card.keyword, 0)
        if card.keyword == ".param" and depth == 0:
            yield card


def check_params(cards: Sequence[Card]) -> Iterator[Finding]:
    """What is no list of `name=value`."""
    for card in cards:
        if card.keyword == ".param" and not _assignments(card):
            yield card.finding(
                f"{card.text!r} is no list of parameters", "Write .param NAME=VALUE or NAME={...}"
            )


def _assignments(card: Card) -> list[tuple[str, str]]:
    """Every assignment on the card; none at all when any of it is something else."""
    text, place, found = card.text[len(".param") :], 0, []
    while place < len(text):
        match = _ASSIGNMENT.match(text, place)
        if match is None or _TWO_WORDS.search(match["value"]):
            return []
        found.append((match["name"].lower(), _braced(match["value"].strip())))
        place = match.end()
    return found


def _braced(value: str) -> str:
    """The value; an expression with blanks in braces, as ngspice reads it too."""
    if value[0] in "'{\"" or not re.search(r"\s", value):
        return value
    return f"{{{value}}}"
