"""JSON out of what a model wrote: fenced, wrapped in prose, after its thoughts. Bounded work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

LONGEST_ANSWER = 1_000_000
"""Characters of an answer that are looked at; a longer one is refused."""

_MOST_STARTS = 2_000
_MOST_WORK = 4_000_000  # characters decoded, over all starts: some tens of milliseconds
_OPENING = re.compile(r"[{\[]")
_THOUGHT_ENDS = "</think>"


def json_values(text: str) -> list[Any]:
    """Every JSON object or list at the outermost level of `text`, in order.

    What follows the end of a model's thoughts counts; the thoughts only if nothing follows them.
    A start from which no JSON can be read costs little, and there is a limit over all starts, so
    that hostile text takes no longer than honest text.
    """
    _, ended, answer = text.rpartition(_THOUGHT_ENDS)
    found = list(_decoded(answer))
    return found if found or not ended else list(_decoded(text))


def _decoded(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    position, work = 0, 0
    for _ in range(_MOST_STARTS):
        opening = _OPENING.search(text, position)
        if opening is None or work > _MOST_WORK:
            return
        start = opening.start()
        try:
            value, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            work += max(error.pos - start, 1)
            position = start + 1
        except (ValueError, RecursionError):  # a number of thousands of digits; nested too deep
            work += len(text) - start
            position = start + 1
        else:
            work += position - start
            yield value
