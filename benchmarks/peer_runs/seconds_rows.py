"""The rows of what a proposal costs, each method in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.peer_methods.protocol import Trial
from benchmarks.peer_runs.seconds import Sizes, limit_row, peer_row, proposal_seconds, sample
from benchmarks.report import Row


def seconds_rows(ours: str, peers: Sequence[str], sizes: Sizes) -> list[Row]:
    """`proposer-seconds/PEER` of all peers and `proposer-seconds/many-trials`."""
    trials = sample(sizes.many)
    few = trials[: sizes.few]
    mine = _alone(ours, few, sizes)
    rows = [peer_row(ours, peer, mine, _alone(peer, few, sizes), sizes.few) for peer in peers]
    return [*rows, limit_row(_alone(ours, trials, sizes), sizes.many)]


def _alone(name: str, trials: Sequence[Trial], sizes: Sizes) -> list[float]:
    """Measured in a fresh process, one at a time: no library's threads or caches of another.

    Where there is no warm-up, the figures mean little anyhow, and the process is this one.
    """
    if not sizes.warm_up:
        return proposal_seconds(name, trials, sizes)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(proposal_seconds, name, trials, sizes).result()
