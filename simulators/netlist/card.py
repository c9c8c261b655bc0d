"""Cards: the logical lines of a SPICE netlist, each with the place it came from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from circuits.errors import CircuitError, Finding

_INCLUDE = re.compile(r"\.inc(?:l|lude)?\s+[\"']?([^\"'\s]+)[\"']?\s*$", re.IGNORECASE)
_DEPTH = 16


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
        """The card split at white space; `{...}` and quoted expressions stay whole."""
        return re.findall(r"(?:\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^\s{'\"])+", self.text)

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
        CircuitError: an include that leads nowhere or includes itself.
    """
    return list(_expand(files, name, ()))


def _expand(files: Mapping[str, str], name: str, within: tuple[str, ...]) -> Iterator[Card]:
    lines = files[name].splitlines()
    for card in _join(name, lines, first=1 if not within else 0):
        match = _INCLUDE.match(card.text)
        if match is None:
            yield card
            continue
        target = _target(name, match[1])
        if target not in files:
            raise CircuitError([card.finding(f"include {match[1]!r}: no such file", "Add it")])
        if target in (*within, name) or len(within) >= _DEPTH:
            raise CircuitError([card.finding(f"{match[1]!r} includes itself", "Break the circle")])
        yield from _expand(files, target, (*within, name))


def _target(name: str, include: str) -> str:
    """Key in `Circuit.files` of an include path written in the file `name`."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), include))
    # Library circuits reach the shared cards as ../../models/NAME, so that plain ngspice can too.
    return re.sub(r"^(\.\./)+models/", "models/", path)


def _join(file: str, lines: list[str], first: int) -> Iterator[Card]:
    start, text = 0, ""
    for number, raw in enumerate(lines[first:], start=first + 1):
        line = _strip_comment(raw)
        if line.startswith("+"):
            text = f"{text} {line[1:].strip()}"
            continue
        if line:
            if text:
                yield Card(file, start, text)
            start, text = number, line
    if text:
        yield Card(file, start, text)


def _strip_comment(line: str) -> str:
    line = line.strip()
    if line.startswith(("*", "$")):
        return ""
    return re.split(r"\s\$\s|\s;|;", line, maxsplit=1)[0].strip()
