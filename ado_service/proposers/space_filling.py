"""Designs that know nothing: Sobol points and uniformly random ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.screening import Screen


class SobolProposer:
    """Scrambled Sobol points of the unit cube: even cover, also of few points.

    Use it to start or to fill slots; `RandomProposer` is the baseline that papers start from.
    """

    name = "sobol"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` new Sobol points (see `Proposer`)."""
        engine = qmc.Sobol(len(history.circuit.variables), rng=np.random.default_rng(seed))
        return take_new(history, n, self.name, _sobol_points(engine, n))


class RandomProposer:
    """Uniformly random points of the unit cube, log axes sampled in the logarithm."""

    name = "random"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` new random points (see `Proposer`)."""
        rng = np.random.default_rng(seed)
        size = len(history.circuit.variables)
        return take_new(history, n, self.name, (rng.random(size) for _ in range(_TRIES * n)))


_TRIES = 16
"""Points drawn for each that is wanted: a grid of few values runs out of new ones."""


def _sobol_points(engine: qmc.Sobol, n: int) -> Iterator[NDArray[np.float64]]:
    # Sobol sequences keep their balance in powers of two only.
    count = 1 << max(n - 1, 0).bit_length()
    for _ in range(_TRIES):
        yield from engine.random(count)


def filled(history: History, proposals: list[Proposal], n: int, seed: int) -> list[Proposal]:
    """`proposals` with Sobol points behind them, so that there are `n` (see `Proposer`)."""
    if len(proposals) >= n:
        return proposals
    pending = (*history.pending, *(proposal.values for proposal in proposals))
    rest = replace(history, pending=pending)
    return proposals + SobolProposer().propose(rest, n - len(proposals), seed)


def take_new(
    history: History,
    n: int,
    proposer: str,
    points: Iterable[NDArray[np.float64]],
) -> list[Proposal]:
    """The first `n` of `points` (unit cube) that are no earlier or pending design.

    Fewer only when the points run out, as they do when the variables' grid is used up.
    """
    seen = (one.values for one in history.observations)
    screen = Screen(history.circuit, [*seen, *history.pending])
    taken: list[Proposal] = []
    for point in points:
        if len(taken) == n:
            break
        values = screen.take(history.circuit.from_unit([float(part) for part in point]))
        if values is not None:
            taken.append(Proposal(values, proposer))
    return taken
