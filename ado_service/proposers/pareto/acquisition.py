"""Which designs to simulate together: expected hypervolume gained under the specs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ado_service.proposers.pareto.trade_off import TradeOff
from ado_service.proposers.pareto.undominated import Undominated
from ado_service.proposers.surrogate.candidates import candidates, refined
from ado_service.proposers.surrogate.trust_region import Search, TrustRegion

Array = NDArray[np.float64]

_CAUTION = 4.0
"""Power of the chance to meet the specs. A front lies at the edge of what is feasible, where the
processes are too sure: of designs that were given three in four, one in three met them."""
_LENGTH, _SHORTEST = 0.12, 0.02
"""Part of the box of a search for one design, since a front is followed step by step; and how
short it becomes at most, in sides of the unit cube."""
_SAMPLES = 128
_POOL, _RANKED = 250, 2500
_TURNS = 3
_APART, _SEEN = 0.01, 2e-3


@dataclass(frozen=True)
class HypervolumeAcquisition:
    """Expected hypervolume that designs add to a front (qNEHVI, Daulton et al., NeurIPS 2021).

    Not by gradients from many starts, but among some thousand points about the front, as
    `surrogate.acquisition` has it for one objective: thinned and scored one by one, then chosen
    greedily on joint samples.

    Attributes:
        trade_off: what is known; a design competes.
        pending: `p x d` points under way.
        rng: source of randomness.
    """

    trade_off: TradeOff
    pending: Array
    rng: np.random.Generator = field(repr=False)

    def best(self, q: int) -> Array:
        """At most `q x d` points that together promise most, the best first."""
        found, scores = self._near()
        return self._chosen(self._thinned(found[np.argsort(-scores, kind="stable")]), q)

    def _near(self) -> tuple[Array, Array]:
        """Points `m x d` about the front, improved by small steps, and their scores."""
        known = self.trade_off.surrogate
        box = self._box()
        found = known.space.snapped(candidates(known.X, self._order(), box, self.rng))
        scores = self._scores(found)
        for turn in range(_TURNS):
            more = known.space.snapped(refined(found, scores, box, turn, self.rng))
            found = np.vstack([found, more])
            scores = np.concatenate([scores, self._scores(more)])
        return found, scores

    def _scores(self, X: Array) -> Array:
        return self.trade_off.expected(X) + _CAUTION * self.trade_off.chance(X)

    def _box(self) -> TrustRegion:
        """The region that holds a box about each design of the front.

        Their length follows from how the hypervolume grew. (With thousands of simulations a region
        a design is worth its while: MORBO, Daulton et al., UAI 2022.)
        """
        space = self.trade_off.surrogate.space
        search = Search.after(self.trade_off.progress(), space.size)
        half = max(_LENGTH * search.length, _SHORTEST) / 2
        front = self.trade_off.surrogate.X[self.trade_off.front]
        low, high = front.min(axis=0) - half, front.max(axis=0) + half
        return TrustRegion(np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0))

    def _order(self) -> NDArray[np.intp]:
        """Places of the designs: the front in any order, then those that miss least."""
        front = self.trade_off.front
        missed = np.minimum(self.trade_off.surrogate.Y, 0.0).sum(axis=1)
        others = np.argsort(-missed, kind="stable")
        return np.concatenate([self.rng.permutation(front), others[~np.isin(others, front)]])

    def _thinned(self, ranked: Array) -> Array:
        """The first of `ranked` that are apart from what is known and from the last ones taken."""
        known = np.vstack([self.trade_off.surrogate.X, self.pending])
        pool = np.empty((0, ranked.shape[1]))
        for point in ranked[:_RANKED]:
            is_new = np.abs(known - point).max(axis=1).min() >= _SEEN
            if is_new and (np.abs(pool[-60:] - point).max(axis=1) > _APART).all():
                pool = np.vstack([pool, point])
            if len(pool) == _POOL:
                break
        return pool

    def _chosen(self, pool: Array, q: int) -> Array:
        """At most `q` rows of `pool`, greedily.

        Each sample has a front of its own, with the designs under way and those chosen so far.
        """
        if not len(pool):
            return pool
        waiting = len(self.pending)
        joint = np.vstack([self.pending, pool])
        gains, met = self.trade_off.samples(joint, _SAMPLES, self.rng)
        fronts = [
            _beyond(self.trade_off.open, points[:waiting][holds[:waiting]])
            for points, holds in zip(gains, met, strict=True)
        ]
        gains, met = gains[:, waiting:], met[:, waiting:]
        volumes = met * np.array([f.gained(Y) for f, Y in zip(fronts, gains, strict=True)])
        caution = np.exp((_CAUTION - 1.0) * self.trade_off.chance(pool))
        chosen = list[int]()
        for _ in range(min(q, len(pool))):
            worth = volumes.mean(axis=0) * caution
            worth[chosen] = -1.0
            chosen.append(int(np.argmax(worth)))
            for one in np.flatnonzero(volumes[:, chosen[-1]]):
                fronts[one] = fronts[one].without(gains[one, chosen[-1]])
                volumes[one] = met[one] * fronts[one].gained(gains[one])
        return pool[chosen]


def _beyond(left: Undominated, points: Array) -> Undominated:
    """What `points` (`n x m`) leave of it."""
    for point in points:
        left = left.without(point)
    return left
