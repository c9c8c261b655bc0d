"""Foreign text in a prompt: whatever a circuit's author wrote stays text and keeps its place."""

from __future__ import annotations

import re

_BACKTICKS = re.compile(r"`+")
_LONGEST_LINE = 2000
_LONGEST_BLOCK = 40_000


def one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    """The text on one line without control characters, so that it cannot open a new section."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= longest else line[:longest].rstrip() + " ..."


def fenced(text: str, language: str = "", longest: int = _LONGEST_BLOCK) -> str:
    """The text in a fenced block that nothing in it can close."""
    if len(text) > longest:
        text = text[:longest] + "\n* ... the rest is left out"
    kept = printable(text)
    runs = [len(run) for run in _BACKTICKS.findall(kept)]
    fence = "`" * max([3, *(run + 1 for run in runs)])
    return f"{fence}{language}\n{kept.strip(chr(10))}\n{fence}"


def printable(text: str) -> str:
    """The text without control characters and lone surrogates; line ends and tabs stay.

    A database and a JSON encoder can refuse those, and a terminal obey them.
    """
    return "".join(one for one in text if one.isprintable() or one in "\n\t")
