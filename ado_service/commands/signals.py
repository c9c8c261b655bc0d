"""Ctrl-C and SIGTERM of a command that has something to put in order first."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def at_first_signal(act: Callable[[], None]) -> Iterator[None]:
    """Inside, the first Ctrl-C or SIGTERM calls `act`; a second one ends the process."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        restore()
        act()

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    for kind in before:
        signal.signal(kind, handle)
    try:
        yield
    finally:
        restore()
