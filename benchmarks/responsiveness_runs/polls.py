"""Asks a server at regular times whether it lives, and notes how long it takes to say so."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.responsiveness_runs.server import HOST

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Polls:
    """Answers of a server.

    Attributes:
        milliseconds: of each, from when it was due to be asked for.
    """

    milliseconds: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The time that `share` percent of the answers took at most."""
        return float(np.percentile(self.milliseconds, share))

    def above(self, limit: float) -> int:
        """How many answers took longer than `limit` milliseconds."""
        return sum(one > limit for one in self.milliseconds)


def polled(port: int, every: float, goes_on: Callable[[float], bool]) -> Polls:
    """Ask `/v1/healthz` every so many seconds, while `goes_on(seconds since the start)`.

    An answer that comes late does not put the next questions off: those that were due meanwhile
    count from when they were due, or one long stall would look like one slow answer.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
    found: list[float] = []
    start = due = time.perf_counter()
    try:
        while goes_on(time.perf_counter() - start):
            time.sleep(max(0.0, due - time.perf_counter()))
            behind = bool(found) and found[-1] > every * 1e3
            asked = due if behind else time.perf_counter()
            connection.request("GET", "/v1/healthz")
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the server answers {answer.status}, not that it lives")
            found.append((time.perf_counter() - asked) * 1e3)
            due += every
    finally:
        connection.close()
    return Polls(tuple(found))
