"""How many ranks each layer keeps under one budget of parameters.

Greedy local search (arXiv 2402.06004, section 4): the next cut is always the one that loses least
of a layer's output energy for each parameter that it saves. A layer is whole, or has a rank at
which two factors hold fewer weights than the matrix: right below "whole" a cut loses much and saves
little, so that a layer's cuts are taken along the convex hull of what its ranks save and lose. Each
of them is then the cheapest on its way, wherever it leads to. What the last cut saves too much is
given back where it recovers most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.mixed_rank.factorized_linear import largest_rank


@dataclass(frozen=True)
class RankCurve:
    """What each rank of a layer `d_in -> d_out` saves and loses.

    `energies` are those of its spectrum, `d_out`, descending.
    """

    inputs: int
    outputs: int
    energies: NDArray[np.float64]

    @property
    def largest(self) -> int:
        """The largest rank that saves anything."""
        return largest_rank(self.inputs, self.outputs)

    def saved(self, rank: int | None) -> int:
        """Parameters fewer than the whole layer; None stands for the whole layer."""
        return (
            0 if rank is None else self.inputs * self.outputs - rank * (self.inputs + self.outputs)
        )

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """Part of the output energy that is lost at ranks 0 to `largest`."""
        tails = np.cumsum(self.energies[::-1])[::-1]
        total = tails[0] if tails[0] > 0 else 1.0  # a layer that gives nothing loses nothing
        reached = np.append(tails, 0.0)[: self.largest + 1]
        lost: NDArray[np.float64] = reached / total
        return lost

    def loss(self, rank: int | None) -> float:
        """Part of the output energy that is lost at a rank; None for the whole layer."""
        return 0.0 if rank is None else float(self.losses[rank])


@dataclass(frozen=True, slots=True)
class _Cut:
    """One step down: a layer gets a rank; `price` is the energy lost for each parameter saved."""

    price: float
    layer: str
    rank: int
    saved: int


def search(curves: Mapping[str, RankCurve], saving: int) -> dict[str, int]:
    """Ranks of the layers to factorize so that at least `saving` parameters go; others stay whole.

    Raises:
        CompressionError: so many cannot be saved.
    """
    most = sum(curve.saved(1) for curve in curves.values() if curve.largest)
    if saving > most:
        raise CompressionError(
            f"{saving} parameters are to go and factors of rank 1 everywhere would save {most}; "
            "keep more of the model"
        )
    cuts = [cut for name, curve in curves.items() for cut in _hull(name, curve)]
    ranks: dict[str, int] = {}
    left = saving
    # The prices of a layer's cuts rise, and sorting is stable: its cuts stay in their order.
    for cut in sorted(cuts, key=lambda cut: cut.price):
        if left <= 0:
            break
        ranks[cut.layer] = cut.rank
        left -= cut.saved
    return _given_back(curves, ranks, -left)


def _hull(name: str, curve: RankCurve) -> Iterator[_Cut]:
    """The cuts of one layer along the lower convex hull, from whole to rank 1."""
    losses = curve.losses
    corners: list[tuple[int, float, int]] = [(0, 0.0, 0)]  # saved, lost, rank
    for rank in range(curve.largest, 0, -1):
        point = (curve.saved(rank), float(losses[rank]), rank)
        while len(corners) > 1 and _price(corners[-2], point) <= _price(corners[-2], corners[-1]):
            corners.pop()
        corners.append(point)
    for before, after in pairwise(corners):
        yield _Cut(_price(before, after), name, after[2], after[0] - before[0])


def _price(before: tuple[int, float, int], after: tuple[int, float, int]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])


def _given_back(
    curves: Mapping[str, RankCurve], ranks: Mapping[str, int], slack: int
) -> dict[str, int]:
    """The ranks after `slack` parameters were spent where they recover most each."""
    found: dict[str, int | None] = dict(ranks)
    while True:
        gains = [
            (gain, name, rank, cost)
            for name, now in found.items()
            for gain, rank, cost in _raises(curves[name], now)
            if cost <= slack and gain > 0
        ]
        if not gains:
            return {name: rank for name, rank in found.items() if rank is not None}
        _, name, rank, cost = max(gains, key=lambda gain: gain[0])
        found[name] = rank
        slack -= cost


def _raises(curve: RankCurve, now: int | None) -> Iterator[tuple[float, int | None, int]]:
    """Ways up for a layer: energy recovered for each parameter, new rank, parameters."""
    if now is None:
        return
    for rank in (now + 1 if now < curve.largest else None, None):
        cost = curve.saved(now) - curve.saved(rank)
        yield (curve.loss(now) - curve.loss(rank)) / cost, rank, cost
