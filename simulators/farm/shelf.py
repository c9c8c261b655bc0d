"""The simulators that a farm's worker process keeps ready, one host each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulators.farm.parcel import Parcel
from simulators.ngspice.errors import SimulatorClosedError
from simulators.ngspice.simulator import NgspiceSimulator

_RECALLED = 1_000
"""Recalled pools that are remembered, the latest ones."""


@dataclass(slots=True, eq=False)
class _Kept:
    """A simulator, the parcel it was made from, and the pool that it works for or worked for."""

    parcel: str
    pool: str
    simulator: NgspiceSimulator
    closed: bool = False


class Shelf:
    """Lends simulators by the parcel that they were made from; a task has one to itself.

    So a worker has at most one host a thread at work, and `idle` more that wait for their circuit
    to come again: those that waited longest are closed first.

    Args:
        idle: simulators that may lie unused.
    """

    def __init__(self, idle: int) -> None:
        self._most = idle
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []
        self._lent: list[_Kept] = []
        self._recalled: dict[str, None] = {}

    @contextmanager
    def lent(self, parcel: Parcel, pool: str) -> Iterator[NgspiceSimulator]:
        """A simulator for the parcel's circuit, for the length of the block.

        Args:
            parcel: what to simulate.
            pool: who asks; `recall` takes back what it has.

        Raises:
            SimulatorClosedError: the pool was closed.
        """
        kept = self._take(parcel.name) or _Kept(parcel.name, pool, _made(parcel))
        try:
            self._lend(kept, pool)
            yield kept.simulator
        finally:
            self._give_back(kept)

    def recall(self, pool: str) -> None:
        """End all that works, or worked last, for a pool, by killing its hosts."""
        with self._lock:
            self._recalled[pool] = None
            while len(self._recalled) > _RECALLED:
                del self._recalled[next(iter(self._recalled))]
            gone = [kept for kept in [*self._idle, *self._lent] if kept.pool == pool]
            self._idle = [kept for kept in self._idle if kept.pool != pool]
        _close(gone)

    def close(self) -> None:
        """End all hosts."""
        with self._lock:
            gone = [*self._idle, *self._lent]
            self._idle = []
        _close(gone)

    def host_pids(self) -> list[int]:
        """Process ids of all hosts."""
        with self._lock:
            kept = [*self._idle, *self._lent]
        return [pid for one in kept for pid in one.simulator.host_pids()]

    def _take(self, parcel: str) -> _Kept | None:
        """The one of the parcel that was used last, off the shelf."""
        with self._lock:
            for kept in reversed(self._idle):
                if kept.parcel == parcel:
                    self._idle.remove(kept)
                    return kept
        return None

    def _lend(self, kept: _Kept, pool: str) -> None:
        with self._lock:
            if pool in self._recalled:
                raise SimulatorClosedError("the pool was closed")
            kept.pool = pool
            self._lent.append(kept)

    def _give_back(self, kept: _Kept) -> None:
        """Keep it for the next design of its circuit, unless it was closed under its user."""
        with self._lock:
            if kept in self._lent:
                self._lent.remove(kept)
            if not kept.closed:
                self._idle.append(kept)
            over, self._idle = self._idle[: -self._most], self._idle[-self._most :]
        _close(over)


def _made(parcel: Parcel) -> NgspiceSimulator:
    contents = parcel.open()
    return NgspiceSimulator(
        contents.circuit,
        processes=1,
        time_limit=contents.time_limit,
        decks=contents.decks,
        gate=contents.gate,
        fast=contents.fast,
    )


def _close(kept: list[_Kept]) -> None:
    for one in kept:
        one.closed = True
        one.simulator.close()
