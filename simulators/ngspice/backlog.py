"""Work that waits until a host is busy: results are read out while it has the next design."""

from __future__ import annotations

from collections.abc import Callable


class Backlog:
    """Things to do, each once, in order; used by one thread."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, work: Callable[[], None]) -> None:
        """Leave `work`, which must not raise, for later."""
        self._waiting.append(work)

    def clear(self) -> None:
        """Do all that waits."""
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            work()
