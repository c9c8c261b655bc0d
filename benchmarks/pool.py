"""What a pool of hosts costs and keeps: two cores against one, memory over ten thousand runs."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.report import Row, ratio_row
from benchmarks.sample import near
from circuits.definition import Circuit
from simulators.ngspice.simulator import NgspiceSimulator


def two_cores(circuit: Circuit, *, quick: bool) -> Row:
    """Evaluations per second of the usual pool on two cores against one, the parent included.

    All of a pool is pinned to its cores: were the parent free to read out results on a second
    one, a single host would seem to be more than one core can do.
    """
    repeats, designs = (3, 120) if quick else (9, 900)
    rates: dict[int, list[float]] = {1: [], 2: []}
    cores = sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as stack:
        pools = {}
        for count in rates:
            os.sched_setaffinity(0, cores[:count])  # hosts inherit it
            pool = stack.enter_context(NgspiceSimulator(circuit))
            pool.run(near(circuit, 20, 0))
            pools[count] = pool
        for repeat in range(repeats):
            values = near(circuit, designs, 100 + repeat)
            for count, pool in pools.items():
                os.sched_setaffinity(0, cores[:count])
                clock = time.perf_counter()
                pool.run(values)
                rates[count].append(designs / (time.perf_counter() - clock))
        os.sched_setaffinity(0, cores)
        hosts = {count: len(pool.host_pids()) for count, pool in pools.items()}
    detail = {"cores": len(cores), "hosts": hosts, "two_plain_loops": round(_ceiling(cores), 2)}
    return ratio_row(
        "two-cores", rates[2], rates[1], peer_name="one core", unit="evaluations/s", goal=1.85,
        detail=detail,
    )  # fmt: skip


def _ceiling(cores: list[int]) -> float:
    """What two cores do over one here when nothing is shared but the machine."""
    with get_context("spawn").Pool(len(cores)) as pool:
        pool.map(_loops, cores, chunksize=1)  # started before the clock runs
        alone = median(pool.apply(_loops, cores[:1]) for _ in range(5))
        together = [sum(pool.map(_loops, cores, chunksize=1)) for _ in range(5)]
    return median(together) / alone


def _loops(core: int) -> int:
    """How many plain loops a core does in 0.3 s."""
    os.sched_setaffinity(0, [core])
    end, done = time.perf_counter() + 0.3, 0
    while time.perf_counter() < end:
        sum(range(5_000))
        done += 1
    return done


def memory(circuit: Circuit, designs: int) -> Row:
    """Resident memory early over late, and the last result against the first, bit for bit."""
    values = near(circuit, 500, 7)
    with NgspiceSimulator(circuit, processes=1) as simulator:
        first = simulator.run(values)
        early = _resident(simulator.host_pids()[0])
        for _ in range(designs // len(values) - 1):
            last = simulator.run(values)
        late = _resident(simulator.host_pids()[0])
    same = all(old.corners == new.corners for old, new in zip(first, last, strict=True))
    return Row(
        name="memory-10000", ours=late, peer=early, peer_name="after 500 evaluations", unit="MiB",
        ratio=early / late, goal=1 / 1.2, holds=early / late >= 1 / 1.2 and same, n=designs,
        low=None, high=None, detail={"last_equals_first": same},
    )  # fmt: skip


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
