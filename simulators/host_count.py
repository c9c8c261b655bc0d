"""How many simulator hosts a machine is given."""

from __future__ import annotations

import os


def host_count() -> int:
    """One more than the cores that this process may use; one where there is a single core.

    A host waits a moment between its answer and its next design. Where there are several cores,
    the host too many computes in those moments: two cores give 1.6 to 1.7 times one with two
    hosts, 1.8 to 1.9 with three (docs/benchmarks, `two-cores`). On one core it gains nothing.
    """
    cores = len(os.sched_getaffinity(0))
    return cores if cores == 1 else cores + 1
