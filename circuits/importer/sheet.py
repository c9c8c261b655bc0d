"""Sheets: netlist files whose cards can be rewritten without moving a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from circuits.errors import Finding
from circuits.include import strip_comment

CARD_LIMIT = 100_000
"""Characters of one card; the longest cards are models and piecewise linear sources."""
_BLANKS = re.compile(r"\s{200,}")


@dataclass(slots=True, eq=False)
class Card:
    """One logical line of a sheet: continuation lines joined, comments gone, blanks single.

    Attributes:
        sheet: where it stands.
        line: its first line, from 1.
        last: its last line.
        text: what it says.
        gone: whether it was stripped.
    """

    sheet: Sheet
    line: int
    last: int
    text: str
    gone: bool = False

    @property
    def keyword(self) -> str:
        """First word, lower case."""
        return self.text.split(None, 1)[0].lower()

    @property
    def place(self) -> tuple[str, int]:
        """File and line."""
        return self.sheet.file, self.line

    def rewrite(self, text: str) -> None:
        """Put `text` in the card's first line; its other lines become comments."""
        if text != self.text:
            self.sheet.replace(self, text)
            self.text = text

    def strip(self) -> None:
        """Make a comment of the card."""
        self.gone = True
        self.sheet.comment(self.line, self.last)

    def finding(self, problem: str, cure: str) -> Finding:
        """A finding at this card."""
        return Finding(*self.place, problem, cure)


def strip_all(cards: Iterable[Card]) -> None:
    """Make comments of cards."""
    for card in cards:
        card.strip()


class Sheet:
    """The lines of one netlist file.

    Args:
        file: its key in `Circuit.files`.
        text: of the file.
        title: whether its first line is a title and no card.
    """

    def __init__(self, file: str, text: str, *, title: bool) -> None:
        self.file = file
        self.lines = text.splitlines()
        self._original = text
        self.title = title
        self._first = 1 if title else 0
        self._changed = False
        self._added: list[str] = []

    def cards(self) -> Iterator[Card]:
        """The cards, read as `simulators.netlist.card` reads them."""
        start, last, words = 0, 0, ""
        parts: list[str] = []
        for number, raw in enumerate(self.lines[self._first :], start=self._first + 1):
            line = strip_comment(raw)
            if line.startswith("+"):
                start, last = start or number, number
                parts.append(line[1:])
            elif line:
                if words := " ".join(" ".join(parts).split()):
                    yield Card(self, start, last, words)
                start = last = number
                parts = [line]
        if words := " ".join(" ".join(parts).split()):
            yield Card(self, start, last, words)

    def squeeze(self) -> None:
        """Shorten runs of hundreds of blanks, which only slow down who reads them."""
        for index, line in enumerate(self.lines):
            if len(line) >= 200 and _BLANKS.search(line):
                self.put(index + 1, " ".join(line.split()))

    def replace(self, card: Card, text: str) -> None:
        """Put `text` where the card stands."""
        self.comment(card.line + 1, card.last)
        self.put(card.line, text)

    def comment(self, first: int, last: int) -> None:
        """Make comments of these lines, unless they are."""
        for number in range(first, last + 1):
            line = self.lines[number - 1]
            if strip_comment(line):
                self.put(number, f"* {line.strip()}")

    def put(self, number: int, line: str) -> None:
        """Put a line in place of the line `number`."""
        self.lines[number - 1] = line
        self._changed = True

    def add(self, line: str) -> None:
        """Add a line behind all others, `.end` apart."""
        self._added.append(line)

    @property
    def text(self) -> str:
        """The text; that of the file, byte for byte, when nothing was changed."""
        if not (self._changed or self._added):
            return self._original
        if not self._added:
            return "\n".join(self.lines) + "\n"
        is_end = [line.strip().lower() == ".end" for line in self.lines]
        lines = [f"* {line}" if end else line for line, end in zip(self.lines, is_end, strict=True)]
        return "\n".join([*lines, *self._added, *([".end"] if any(is_end) else [])]) + "\n"
