"""Texts that end an answer, found also where they come in several tokens."""

from __future__ import annotations

from collections.abc import Sequence


class StopText:
    """Passes the text of one answer on until one of the stops begins.

    What may be the beginning of a stop is held back until the next tokens say what it is.

    Args:
        stops: texts that end the answer, none empty.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """The text that is sure by now, and whether a stop has come."""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            return self._release(min(found)), True
        return self._release(len(self._held) - self._doubtful()), False

    def rest(self) -> str:
        """What is held back still, of an answer that ended otherwise."""
        return self._release(len(self._held))

    def _release(self, count: int) -> str:
        sure, self._held = self._held[:count], self._held[count:]
        return sure

    def _doubtful(self) -> int:
        """Characters at the end that a stop may begin with."""
        return max((_overlap(self._held, stop) for stop in self._stops), default=0)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
