"""What is known of a trade-off: slacks of the specs, gains of the objective, the front so far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from ado_service.proposers.pareto.gain_scale import GainScale
from ado_service.proposers.pareto.undominated import Undominated
from ado_service.proposers.prior import known_before
from ado_service.proposers.protocol import History, Observation
from ado_service.proposers.surrogate.gaussian_process import GaussianProcess
from ado_service.proposers.surrogate.model_space import ModelSpace
from ado_service.proposers.surrogate.surrogate import Surrogate

Array = NDArray[np.float64]

_FIT_ITERATIONS, _FIT_POINTS = 25, 250
_BEST, _LATEST = 400, 100
"""Designs that the posterior of a gain rests on at most: its cost grows with the cube."""
_BEYOND = 1.0
"""How far beyond the best one a gain counts: further out the models only guess."""


@dataclass(frozen=True)
class TradeOff:
    """Processes of the slacks of all specs and of the gains of the objective.

    Where a spec pulls a metric the way that the objective does, its gain is positive where the spec
    is met, and only positive gains add hypervolume; the slacks of all other specs are constraints.
    Simulations have no noise, so that the front is that of the designs themselves.

    Attributes:
        surrogate: of the slacks.
        processes: `m` fitted processes of the gains.
        gains: `n x m`, of the surrogate's designs.
        competes: `n`, whether a design is the job's own and meets every spec.
        constraints: places of the specs that gains say nothing of.
    """

    surrogate: Surrogate
    processes: tuple[GaussianProcess, ...]
    gains: Array
    competes: NDArray[np.bool_]
    constraints: tuple[int, ...]

    @classmethod
    def of(cls, history: History, space: ModelSpace) -> Self:
        """Fitted to all designs of `history`, prior ones included; one of its own competes."""
        surrogate = Surrogate.of(history, space)
        prior = len(surrogate.X) - len(history.observations)
        seen = [*known_before(history, prior), *history.observations]
        scales = [GainScale.of(aim, history, seen) for aim in history.objective.aims]
        gains = np.array([[scale.gain(one.metrics) for scale in scales] for one in seen])
        rows = _kept(surrogate.Y)
        F = space.features(surrogate.X[rows])
        processes = tuple(
            GaussianProcess.fit(F, column, iterations=_FIT_ITERATIONS, most=_FIT_POINTS)
            for column in gains[rows].T
        )
        own = [competes(one, history) for one in history.observations]
        decided = {scale.metric for scale in scales if scale.meets}
        constraints = tuple(k for k, spec in enumerate(history.specs) if spec.metric not in decided)
        return cls(surrogate, processes, gains, np.array([False] * prior + own), constraints)

    @property
    def front(self) -> NDArray[np.intp]:
        """Places of the designs that no other one dominates."""
        places = np.flatnonzero(self.competes)
        Y = self.gains[places]
        as_good = np.all(np.greater_equal(Y, Y[:, None]), axis=2)
        better = np.any(np.greater(Y, Y[:, None]), axis=2)
        return np.asarray(places[~np.any(as_good & better, axis=1)])

    @cached_property
    def open(self) -> Undominated:
        """What the front leaves open."""
        found = self._nothing_yet
        for point in self.gains[self.front]:
            found = found.without(point)
        return found

    def progress(self) -> Array:
        """Hypervolume after each of the job's designs, from the first one that competes."""
        left, volume, found = self._nothing_yet, 0.0, list[float]()
        first = int(np.argmax(self.competes))
        for point, competes in zip(self.gains[first:], self.competes[first:], strict=True):
            if competes:
                volume += float(left.gained(point[None])[0])
                left = left.without(point)
            found.append(volume)
        return np.array(found)

    def expected(self, X: Array) -> Array:
        """Logs of the hypervolume that points `n x d` are expected to add, `n`.

        Exact for independent gains, and as a logarithm it tells points apart that promise next to
        nothing (Ament et al., NeurIPS 2023). Whether the specs are met is `chance`'s.
        """
        F = self.surrogate.space.features(X)
        found = [process.marginals(F) for process in self.processes]
        mean, spread = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        return np.asarray(np.log(self.open.expected(mean, spread) + np.finfo(float).tiny))

    def chance(self, X: Array) -> Array:
        """Logs of the probabilities that points `n x d` meet the constraints, `n`."""
        F = self.surrogate.space.features(X)
        total = np.zeros(len(X))
        for k in self.constraints:
            mean, spread = self.surrogate.processes[k].marginals(F)
            total += log_ndtr(mean / spread)
        return total

    def samples(
        self, X: Array, count: int, rng: np.random.Generator
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Joint samples at points `n x d`.

        Returns:
            Gains, `count x n x m`, and whether all constraints are met, `count x n`.
        """
        F = self.surrogate.space.features(X)

        def drawn(process: GaussianProcess) -> Array:
            return process.samples(F, rng.standard_normal((count, len(X))))

        gains = np.stack([drawn(process) for process in self.processes], axis=-1)
        met = np.ones(gains.shape[:2], dtype=bool)
        for k in self.constraints:
            met &= drawn(self.surrogate.processes[k]) > 0
        return gains, met

    @property
    def _nothing_yet(self) -> Undominated:
        return Undominated.within(self.gains[self.competes].max(axis=0) + _BEYOND)


def competes(one: Observation, history: History) -> bool:
    """Whether a design meets every spec and has every metric of the objective."""
    return one.verdict.feasible and history.objective.gains(one.metrics) is not None


def _kept(Y: Array) -> NDArray[np.intp]:
    """Rows that the posterior rests on: all, or those that miss least and the latest."""
    if len(Y) <= _BEST + _LATEST:
        return np.arange(len(Y))
    missed = np.minimum(Y[:-_LATEST], 0.0).sum(axis=1)
    best = np.argsort(-missed, kind="stable")[:_BEST]
    return np.concatenate([np.sort(best), np.arange(len(Y) - _LATEST, len(Y))])
