"""Include cards: how one netlist file names another. One reader, for loading and for simulating."""

from __future__ import annotations

import posixpath
import re

_CARD = re.compile(r"\.inc(?:l|lude)?\s+(?:\"([^\"\s]+)\"|'([^'\s]+)'|([^\"'\s]+))$", re.IGNORECASE)
_COMMENT = re.compile(r";|//|\$ |(?<=[\s,])\$")


def strip_comment(line: str) -> str:
    """A netlist line without comment and outer white space; empty for a line that is all comment.

    Comments are what ngspice takes as such: `*` or `$` at the start, and `;`, `//`, a `$` after
    white space or a comma, and `$` with a space behind it.
    """
    line = line.strip()
    if line.startswith(("*", "$")):
        return ""
    return _COMMENT.split(line, maxsplit=1)[0].strip()


def included(card: str) -> str | None:
    """The path on an include card, as written; None when `card` is no include card."""
    match = _CARD.match(card)
    return None if match is None else next(filter(None, match.groups()))


def include_key(within: str, include: str) -> str:
    """Key in `Circuit.files` of the path `include` written in the file with the key `within`.

    Library circuits reach the shared model cards as `../../models/NAME`, so that plain ngspice
    finds them too; their key is `models/NAME` for every circuit.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(within), include))
    return re.sub(r"^(\.\./)+models/", "models/", path)
