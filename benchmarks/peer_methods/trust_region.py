"""The trust region that TuRBO and SCBO share: when it grows, shrinks, and starts anew.

Eriksson, Pearce, Gardner, Turner and Poloczek, Scalable Global Optimization via Local Bayesian
Optimization, NeurIPS 2019, section 3 and supplement; Eriksson and Poloczek, Scalable Constrained
Bayesian Optimization, AISTATS 2021, section 3. Written from the papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy.stats import qmc
from torch import Tensor

from ado_service.loop import derive_seed
from benchmarks.peer_methods.protocol import Point, Task, Trial
from benchmarks.peer_methods.seeded import seeded

_FIRST, _LEAST, _MOST = 0.8, 0.5**7, 1.6
"""Side lengths in the unit cube at the start, where it starts anew, and at most."""
_PERTURBED = 20
"""How many coordinates of a candidate differ from the centre, on average, in many dimensions."""

Score = tuple[float, ...]
"""How good a trial is; larger is better, compared part by part."""


@dataclass
class TrustRegion:
    """Doubles after `patience` batches in a row that improved, halves after `d/q` that did not.

    Attributes:
        patience: successes in a row.
        endurance: failures in a row.
        length: of a side.
    """

    patience: int
    endurance: int
    length: float = _FIRST
    _successes: int = 0
    _failures: int = 0

    def update(self, *, improved: bool) -> None:
        """Hear of one more batch."""
        self._successes = self._successes + 1 if improved else 0
        self._failures = 0 if improved else self._failures + 1
        if self._successes == self.patience:
            self.length, self._successes = min(2 * self.length, _MOST), 0
        elif self._failures == self.endurance:
            self.length, self._failures = self.length / 2, 0

    @property
    def collapsed(self) -> bool:
        """Whether it is too small to go on."""
        return self.length < _LEAST


class Search(Protocol):
    """What differs between the methods: what is good, and how points are chosen."""

    def scores(self, trials: Sequence[Trial]) -> list[Score]:
        """How good each trial is among these."""
        ...

    def choose(self, trials: Sequence[Trial], centre: Tensor, length: float, n: int) -> Tensor:
        """`n x d` points in the region of side `length` around `centre` (`d`)."""
        ...


class TrustRegionMethod:
    """Thompson sampling in a trust region around the best trial since the last start.

    A region that collapses is given up with all that was seen in it; the next one starts from as
    many Sobol points as the run did from random ones.

    Args:
        task: to solve.
        search: what is good, and how points are chosen.
        patience: batches in a row that must improve before the region grows.
    """

    def __init__(self, task: Task, search: Search, *, patience: int) -> None:
        self._task = task
        self._search = search
        self._patience = patience
        self._region = self._fresh_region()
        self._seen: list[Trial] = []
        self._calls = 0

    def suggest(self, n: int) -> list[Point]:
        """`n` points: of the model, or Sobol points where a region starts."""
        self._calls += 1
        seed = derive_seed(self._task.seed, self._calls, "trust-region")
        with seeded(seed):
            if self._region.collapsed:
                self._region, self._seen = self._fresh_region(), []
            found = self._points(n) if self._started else _sobol(self._task.dimension, n)
        return [tuple(row) for row in found.tolist()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Adds the trials; the region hears whether the best of them is better than all before."""
        started, before = self._started, len(self._seen)
        self._seen += trials
        if started:
            scores = self._search.scores(self._seen)
            self._region.update(improved=max(scores[before:]) > max(scores[:before]))

    @property
    def _started(self) -> bool:
        return len(self._seen) >= self._task.initial

    def _points(self, n: int) -> Tensor:
        scores = self._search.scores(self._seen)
        best = self._seen[scores.index(max(scores))]
        centre = torch.tensor(best.point, dtype=torch.double)
        return self._search.choose(self._seen, centre, self._region.length, n)

    def _fresh_region(self) -> TrustRegion:
        endurance = math.ceil(self._task.dimension / self._task.batch)
        return TrustRegion(self._patience, endurance)


def candidates(centre: Tensor, sides: Tensor, count: int) -> Tensor:
    """`count x d` points of the box of `sides` (`d`) around `centre`, cut off at the cube's faces.

    Sobol points of which each coordinate is the centre's own but with probability min(1, 20/d),
    and at least one is not (Regis and Shoemaker 2013). Draws from torch's own generator.
    """
    low = (centre - sides / 2).clamp(0.0, 1.0)
    high = (centre + sides / 2).clamp(0.0, 1.0)
    moved = low + (high - low) * _sobol(len(centre), count)
    mask = torch.rand(count, len(centre)) <= min(1.0, _PERTURBED / len(centre))
    still = ~mask.any(dim=1)
    mask[still, torch.randint(len(centre), (int(still.sum()),))] = True
    return torch.where(mask, moved, centre)


def points(trials: Sequence[Trial]) -> Tensor:
    """`n x d` points of the trials."""
    return torch.tensor([trial.point for trial in trials], dtype=torch.double)


def _sobol(dimension: int, count: int) -> Tensor:
    """`count x d` scrambled Sobol points, seeded from torch's own generator."""
    engine = qmc.Sobol(dimension, rng=int(torch.randint(2**31, (1,))))
    whole = engine.random_base2(max(count - 1, 0).bit_length())
    return torch.as_tensor(whole[:count], dtype=torch.double)
