"""Which candidates to simulate together: expected improvement of the merit, point by point."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from ado_service.proposers.surrogate.candidates import candidates, refined
from ado_service.proposers.surrogate.merit import Merit
from ado_service.proposers.surrogate.surrogate import Surrogate
from ado_service.proposers.surrogate.trust_region import Search, TrustRegion

Array = NDArray[np.float64]

_MARGINAL_SAMPLES = 32
_JOINT_SAMPLES = 256
_POOL = 250
_RANKED = 2500
_TURNS = 3
_ANYWHERE = 512
_GOOD = 0.75
"""Quantile of the merits that a start elsewhere is to improve on."""
_APART = 0.01
_SEEN = 2e-3
_SOFTNESS = 0.02
"""Scale of the softplus that stands for max(0, improvement): without it most candidates would
score exactly nothing and could not be told apart (log EI, Ament et al., NeurIPS 2023)."""


@dataclass(frozen=True)
class Acquisition:
    """Expected improvement of a merit over the best design, under a surrogate.

    Attributes:
        surrogate: what is known.
        merit: what is wanted.
        pending: `p x d` points under way.
        rng: source of randomness.
    """

    surrogate: Surrogate
    merit: Merit
    pending: Array
    rng: np.random.Generator = field(repr=False)

    @cached_property
    def merits(self) -> Array:
        """Merits of this job's designs, oldest first.

        What a prior design promises need not hold here: improvement is over the job's own best.
        """
        return self.merit(self.surrogate.Y[-self.surrogate.own :])

    @cached_property
    def search(self) -> Search:
        """How far the search has come."""
        return Search.after(self.merits, self.surrogate.space.size)

    @property
    def reached(self) -> float:
        """What is to be improved on: the best since the search last started.

        That of a lost basin would keep the search in it. While it starts: something good.
        """
        if self.search.starts:
            return float(np.quantile(self.merits, _GOOD))
        return float(self.merits[self.search.start :].max())

    def expected_improvement(self, X: Array) -> Array:
        """`m` expected improvements at `m x d` points, slacks taken as independent."""
        mean, spread = self.surrogate.marginals(X)
        slacks = mean + spread * self._normals[:, None, :]
        return np.asarray(_soft(self.merit(slacks) - self.reached).mean(axis=0))

    def chance(self, X: Array) -> Array:
        """`m` probabilities that points `m x d` are better than the best design."""
        samples = self.surrogate.samples(X, _JOINT_SAMPLES, self.rng)
        return np.asarray((self.merit(samples) > self.merits.max()).mean(axis=0))

    def best(self, q: int) -> Array:
        """At most `q x d` points that together promise most, the best first.

        Candidates are scored one by one, thinned to a pool, and chosen greedily on joint samples,
        which hold the designs under way too: each choice counts what it adds to the better of those
        before it.
        """
        found, scores = self._anywhere() if self.search.starts else self._near()
        return self._chosen(self._thinned(found[np.argsort(-scores, kind="stable")]), q)

    def _anywhere(self) -> tuple[Array, Array]:
        """Points `m x d` all over the cube and their scores: where to start anew."""
        cube = qmc.Sobol(self.surrogate.space.size, rng=self.rng).random(_ANYWHERE)
        found = self.surrogate.space.snapped(cube)
        return found, self.expected_improvement(found)

    def _near(self) -> tuple[Array, Array]:
        """Points `m x d` around the search's best design, improved by small steps; their scores."""
        X, snapped = self.surrogate.X, self.surrogate.space.snapped
        order = self._order()
        centre = X[order[order >= len(X) - self.surrogate.own][0]]
        box = TrustRegion.around(centre, self.search.length)
        found = snapped(candidates(X, order, box, self.rng))
        scores = self.expected_improvement(found)
        for turn in range(_TURNS):
            more = snapped(refined(found, scores, box, turn, self.rng))
            found = np.vstack([found, more])
            scores = np.concatenate([scores, self.expected_improvement(more)])
        return found, scores

    def _order(self) -> NDArray[np.intp]:
        """Places of the designs, best first; those before the last start come after all others."""
        first = len(self.surrogate.X) - self.surrogate.own
        places = np.arange(len(self.surrogate.X))
        left = (places >= first) & (places < first + self.search.start)
        return np.lexsort((-self.merit(self.surrogate.Y), left))

    @cached_property
    def _normals(self) -> Array:
        """`s x k` quasi-random standard normal numbers, the same for all candidates."""
        engine = qmc.Sobol(len(self.surrogate.scales), rng=np.random.default_rng(5))
        return np.asarray(norm.ppf(np.clip(engine.random(_MARGINAL_SAMPLES), 1e-6, 1 - 1e-6)))

    def _thinned(self, ranked: Array) -> Array:
        """The first of `ranked` that are apart from what is known and from the last ones taken."""
        known = np.vstack([self.surrogate.X, self.pending])
        pool: list[Array] = []
        for point in ranked[:_RANKED]:
            if len(pool) == _POOL:
                break
            if np.abs(known - point).max(axis=1).min() < _SEEN:
                continue
            if not pool or np.abs(np.array(pool[-60:]) - point).max(axis=1).min() > _APART:
                pool.append(point)
        return np.array(pool).reshape(-1, ranked.shape[1])

    def _chosen(self, pool: Array, q: int) -> Array:
        """At most `q` rows of `pool`, greedily."""
        waiting = len(self.pending)
        joint = np.vstack([self.pending, pool])
        if not len(pool):
            return pool
        values = self.merit(self.surrogate.samples(joint, _JOINT_SAMPLES, self.rng))
        reached = np.full(_JOINT_SAMPLES, self.reached)
        reached = np.maximum(reached, values[:, :waiting].max(axis=1, initial=-np.inf))
        values, chosen = values[:, waiting:], list[int]()
        for _ in range(min(q, len(pool))):
            gains = _soft(values - reached[:, None]).mean(axis=0)
            gains[chosen] = -1.0
            chosen.append(int(np.argmax(gains)))
            reached = np.maximum(reached, values[:, chosen[-1]])
        return pool[chosen]


def _soft(improvement: Array) -> Array:
    """A smooth max(0, improvement)."""
    return _SOFTNESS * np.logaddexp(0.0, improvement / _SOFTNESS)
