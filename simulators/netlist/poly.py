"""SPICE2 polynomial sources, `POLY(n)`, as the expression of a B source.

ngspice itself needs a loadable code model for them, and our hosts load none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, combinations_with_replacement, count

_HEAD = re.compile(r"poly\s*\(\s*(\d{1,3})\s*\)", re.IGNORECASE)
_WORD = re.compile(r"\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^\s(),=]+|=")


def polynomial(text: str, kind: str) -> str | None:
    """The source's value as an expression; None when the text is no polynomial source.

    Args:
        text: what follows the source's own nodes, such as `POLY(2) a 0 b 0 0 1 1`.
        kind: `e` or `g`, controlled by voltages between pairs of nodes; `f` or `h`, by the
            currents of voltage sources.
    """
    head = _HEAD.match(text)
    if head is None:
        return None
    words, inputs = _WORD.findall(text[head.end() :]), int(head[1])
    pairs = 2 if kind in "eg" else 1
    controls, given = words[: inputs * pairs], words[inputs * pairs :]
    if not inputs or not given or "=" in words:
        return None
    if inputs == 1 and len(given) == 1:
        return None  # the linear coefficient in SPICE2, the constant one in ngspice
    if kind in "eg":
        names = [
            f"v({one},{other})" for one, other in zip(controls[::2], controls[1::2], strict=True)
        ]
    else:
        names = [f"i({name})" for name in controls]
    return "+".join(_terms(names, given))


def _terms(names: Sequence[str], given: Sequence[str]) -> Iterator[str]:
    """Each coefficient times its product: degree by degree, in the order of SPICE2."""
    degrees = (combinations_with_replacement(names, degree) for degree in count())
    for text, product in zip(given, chain.from_iterable(degrees), strict=False):
        yield "*".join([_bracketed(text), *product])


def _bracketed(text: str) -> str:
    bare = text[1:-1] if text[0] in "{'\"" else text
    return f"({bare})"
