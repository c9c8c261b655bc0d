"""The designs of one call: which wait, which are rendered already, which are done."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence

from simulators.netlist.numparam import ExpressionError
from simulators.ngspice.job import BenchNumbers
from simulators.protocol import Values
from simulators.result import SimulationResult

Outcome = tuple[int, SimulationResult] | BaseException


class Batch:
    """Shared by the caller's thread and one thread a host.

    Args:
        designs: variable values, SI units.

    Attributes:
        designs: the same.
        done: results as they come.
    """

    def __init__(self, designs: Sequence[Values]) -> None:
        self.designs = designs
        self.done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._next = self._drafted = 0
        self._end = len(designs)
        self._drafts: dict[int, list[BenchNumbers]] = {}

    def take(self) -> int | None:
        """Index of the next design to simulate; None when there is none."""
        with self._lock:
            if self._next >= self._end:
                return None
            self._next += 1
            return self._next - 1

    def stop(self) -> None:
        """No more designs are taken."""
        with self._lock:
            self._end = 0

    def draft(self, render: Callable[[Values], list[BenchNumbers]]) -> None:
        """Render the first stage of a design that waits, while the hosts are busy."""
        with self._lock:
            index = max(self._next, self._drafted)
            if index >= self._end:
                return
            self._drafted = index + 1
        # One that cannot be rendered says so in its turn.
        with contextlib.suppress(ExpressionError, KeyError, ValueError, TypeError):
            self._drafts[index] = render(self.designs[index])

    def drafted(self, index: int) -> list[BenchNumbers] | None:
        """What `draft` made of a design; None when it did not come to it."""
        return self._drafts.pop(index, None)
