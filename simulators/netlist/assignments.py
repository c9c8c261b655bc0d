"""`name=value` lists: on `.param` cards, on instances and behind a model's type."""

from __future__ import annotations

import re

_SIGN = re.compile(
    r"'[^']*'|\"[^\"]*\"|(?P<open>[({\[])|(?P<close>[)}\]])"
    r"|(?<![\w.!<>])(?P<name>[A-Za-z_]\w*)\s*=(?!=)"
)


def split_assignments(text: str) -> tuple[str, list[tuple[str, str]]]:
    """(what stands before the first assignment, the assignments as (lower-case name, text)).

    A value reaches to the next name that stands outside of brackets and quotes: it may have
    blanks, and braces amid an expression, as PDK libraries write them.

    Args:
        text: such as `d g s b nch w={w1} l = 0.15 ad='w*0.3'`.
    """
    starts: list[re.Match[str]] = []
    depth = 0
    for match in _SIGN.finditer(text):
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
        elif match["name"] and depth <= 0:
            starts.append(match)
    if not starts:
        return text.strip(), []
    ends = [match.start() for match in starts[1:]] + [len(text)]
    found = [
        (match["name"].lower(), text[match.end() : end].strip().rstrip(",").strip())
        for match, end in zip(starts, ends, strict=True)
    ]
    return text[: starts[0].start()].strip(), found
