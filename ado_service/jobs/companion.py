"""A thread that goes along with a running job."""

from __future__ import annotations

import threading
from typing import Self

from simulators.closing import Closing


class Companion(Closing):
    """Runs `_go_along` in a thread of its own for as long as the `with` block lasts.

    Leaving the block sets `_done`, which `_go_along` waits on, and waits for the thread.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._go_along, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._done.set()
        self._thread.join()

    def _go_along(self) -> None:
        """What the thread does; it ends soon after `_done` is set."""
        raise NotImplementedError
