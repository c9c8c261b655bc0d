"""What of a flat deck ngspice can alter in place, and the commands that do it.

Two decks of one shape differ in nothing but numbers that `alter` sets as a reload would:
parameters of MOS instances, values of R, C and L, dc values of sources, gains of controlled ones.
All else belongs to the shape: models (a device that changes its bin names another one),
temperature, options, nodesets, analyses, and every number that stands elsewhere.
`tests/simulators/test_altered.py` alters each of these kinds in a real ngspice and compares.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_NAME = re.compile(r"[A-Za-z0-9_.#:]+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_MOS_PARAMETER = re.compile(
    rf" (w|l|m|nf|ad|as|pd|ps|nrd|nrs|sa|sb|sd|delvto)=({_NUMBER.pattern})(?= |$)"
)
_VALUE_PLACES = {"r": 3, "c": 3, "l": 3, "v": 3, "i": 3, "f": 4, "h": 4, "e": 5, "g": 5}
"""By the kind of element, which of its words is the value."""
_GAP = "\0"
"""Stands in a shape where a number was; no deck has it, the allow-list refuses it."""

Setting = tuple[str, str]
"""What `alter` calls it, and the number as the deck has it."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A deck, its shape apart from its numbers.

    Attributes:
        shape: the lines, with a gap for each number that can be altered.
        settings: these numbers, in the order of the gaps.
    """

    shape: tuple[str, ...]
    settings: tuple[Setting, ...]


def outline(lines: Sequence[str]) -> Outline:
    """Tell the shape of a flat deck from its numbers."""
    read = [_read(line) for line in lines]
    settings = (setting for _, found in read for setting in found)
    return Outline(tuple(shape for shape, _ in read), tuple(settings))


def alterations(old: Outline, new: Outline) -> list[str] | None:
    """The commands that make a loaded deck `old` into `new`; None where only a reload does.

    The number stands in brackets, as a vector does: ngspice then reads it as it reads a deck,
    digit for digit, and does not look for another model by a name without its bin.
    """
    if old.shape != new.shape:
        return None
    return [
        f"alter {place} = [ {number} ]"
        for (place, number), before in zip(new.settings, old.settings, strict=True)
        if number != before[1]
    ]


@lru_cache(maxsize=4096)
def _read(line: str) -> tuple[str, tuple[Setting, ...]]:
    """A line's shape and its settings."""
    words = line.split()
    kind = line[:1].lower()
    if not words or _NAME.fullmatch(words[0]) is None:
        return line, ()
    if kind == "m":
        found = _MOS_PARAMETER.findall(line)
        settings = tuple((f"@{words[0]}[{name}]", number) for name, number in found)
        return _MOS_PARAMETER.sub(rf" \1={_GAP}", line), settings
    place = _VALUE_PLACES.get(kind)
    if place is None:
        return line, ()
    if kind in "vi" and words[place : place + 1] == ["dc"]:
        place += 1
    if place >= len(words) or _NUMBER.fullmatch(words[place]) is None:
        return line, ()
    name = f"@{words[0]}[gain]" if kind in "efgh" else words[0]
    setting = (name, words[place])
    return " ".join([*words[:place], _GAP, *words[place + 1 :]]), (setting,)
