"""Cards: the logical lines of a SPICE netlist, each with the place it came from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from circuits.errors import CircuitError, Finding
from circuits.include import include_key, included, strip_comment
from simulators.pdk.family import SWITCH_FILES

_DEPTH = 16
_CARDS = 200_000


@dataclass(frozen=True, slots=True)
class Card:
    """One logical line, continuation lines joined and comments gone."""

    file: str
    line: int
    text: str

    @property
    def keyword(self) -> str:
        """First word, lower case: `.param`, `m1`, `r2`."""
        return self.text.split(None, 1)[0].lower()

    @property
    def words(self) -> list[str]:
        """The card split at white space; `w = 1u`, `{...}` and quoted expressions stay whole."""
        text = re.sub(r"\s*=\s*", "=", self.text)
        return re.findall(r"(?:\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^\s{'\"])+", text)

    def finding(self, problem: str, cure: str) -> Finding:
        """A finding at this card."""
        return Finding(self.file, self.line, problem, cure)


def read_cards(files: Mapping[str, str], name: str) -> list[Card]:
    """Cards of the netlist `name`, the files it includes in their places.

    The first line of the top file is the title, as SPICE has it, and is no card.

    Args:
        files: text by path relative to the circuit's folder.
        name: path of the top netlist.

    Raises:
        CircuitError: an include that leads nowhere or includes itself, or far too many cards.
    """
    if name not in files:
        raise CircuitError([Finding(name, None, "no such netlist", "Add the file")])
    cards = list(islice(_expand(files, name, ()), _CARDS + 1))
    if len(cards) > _CARDS:
        problem = f"over {_CARDS} cards, includes expanded"
        raise CircuitError([Finding(name, None, problem, "Include each file once")])
    return cards


def _expand(files: Mapping[str, str], name: str, within: tuple[str, ...]) -> Iterator[Card]:
    lines = files[name].splitlines()
    for card in _join(name, lines, first=1 if not within else 0):
        include = included(card.text)
        if include is None:
            yield card
            continue
        target = include_key(name, include)
        if target not in files and posixpath.basename(target) in SWITCH_FILES:
            continue  # a PDK's own switches are read with its library
        if target not in files:
            raise CircuitError([card.finding(f"include {include!r}: no such file", "Add it")])
        if target in (*within, name) or len(within) >= _DEPTH:
            raise CircuitError([card.finding(f"{include!r} includes itself", "Break the circle")])
        yield from _expand(files, target, (*within, name))


def _join(file: str, lines: list[str], first: int) -> Iterator[Card]:
    start, text = 0, ""
    for number, raw in enumerate(lines[first:], start=first + 1):
        line = strip_comment(raw)
        if line.startswith("+"):
            start, text = start or number, f"{text} {line[1:].strip()}"
        elif line:
            if text.strip():
                yield Card(file, start, text.strip())
            start, text = number, line
    if text.strip():
        yield Card(file, start, text.strip())
