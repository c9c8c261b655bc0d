"""`name=value` lists, as `.param` cards have them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(\([\w, ]*\))?\s*=(?![=])")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\{[^{}]*\}")


def assignments(text: str) -> Iterator[tuple[str, str | None, str]]:
    """(lower-case name, arguments of a function or None, value as written) of each assignment.

    Args:
        text: of the card behind its keyword.
    """
    masked = mask(text)
    found = list(_NAME.finditer(masked))
    if not found:
        return
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=True):
        value = text[match.end() : end].strip().rstrip(",").strip()
        yield match[1].lower(), match[2], value


def mask(text: str) -> str:
    """The text with everything in quotes and braces blanked out, of the same length."""
    return _QUOTED.sub(lambda match: "~" * len(match[0]), text)
