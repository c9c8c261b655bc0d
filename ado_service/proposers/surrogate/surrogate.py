"""One Gaussian process a spec: what is known of all slacks at designs not simulated yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ado_service.proposers.prior import known_before
from ado_service.proposers.protocol import History, Observation, measured
from ado_service.proposers.surrogate.gaussian_process import GaussianProcess
from ado_service.proposers.surrogate.model_space import ModelSpace
from ado_service.proposers.surrogate.slack import SlackScale

Array = NDArray[np.float64]

_PRIOR = 100
"""Prior designs that are modelled at most; the first are the best."""
_FAILED, _FAR = 0.3, -1.5
"""Slack by which a design that could not be measured counts as worse than the worst that could,
and than one that is 3.5 octaves off: a circuit that does not work at all meets many specs, and must
not look better for it than one that works."""
_FIT_ITERATIONS = 25
_FIT_POINTS = 250
_POSTERIOR_POINTS = 500
_LATEST = 50


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Processes of the slacks of all specs on the designs seen so far.

    Attributes:
        space: of the designs.
        scales: of the slacks, a spec each.
        X: `n x d` simulated designs as points of `space`.
        Y: `n x k` slacks; what could not be measured counts as worse than the worst, and a design
            that is not feasible meets one spec at least not.
        processes: `k` fitted processes.
        own: how many of the designs, the last ones, are this job's; the others are prior ones.
    """

    space: ModelSpace
    scales: tuple[SlackScale, ...]
    X: Array
    Y: Array
    processes: tuple[GaussianProcess, ...]
    own: int

    @classmethod
    def of(cls, history: History, space: ModelSpace) -> Self:
        """Fitted to all observations of `history`, prior ones included; there is at least one.

        A failed simulation is information: it enters with a pessimistic slack in every spec
        instead of being dropped. Above 500 designs the posterior rests on the 250 best, the 50
        latest and as many evenly spread over the rest, hyper-parameters on 250 (cost grows with the
        cube).
        """
        seen = [*known_before(history, _PRIOR), *history.observations]
        scales = _scales(history, seen)
        X = space.points([one.values for one in seen])
        Y = np.column_stack([_slacks(scale, seen) for scale in scales])
        # A design that was stopped before all of it was simulated may meet all that is known of it.
        feasible = np.array([one.verdict.feasible for one in seen])
        stopped = ~feasible & (Y > 0).all(axis=1)
        Y[stopped] = -_FAILED
        rows = _kept(Y, seen)
        F = space.features(X[rows])
        processes = tuple(
            GaussianProcess.fit(F, Y[rows, k], iterations=_FIT_ITERATIONS, most=_FIT_POINTS)
            for k in range(len(scales))
        )
        return cls(space, scales, X, Y, processes, len(history.observations) or len(seen))

    def marginals(self, X: Array) -> tuple[Array, Array]:
        """Means and standard deviations of the slacks at `m x d` points: `m x k` each."""
        F = self.space.features(X)
        found = [process.marginals(F) for process in self.processes]
        return np.stack([mean for mean, _ in found], 1), np.stack([std for _, std in found], 1)

    def samples(self, X: Array, count: int, rng: np.random.Generator) -> Array:
        """`count x m x k` joint samples of the slacks at `m x d` points."""
        F = self.space.features(X)
        drawn = [
            process.samples(F, rng.standard_normal((count, len(X)))) for process in self.processes
        ]
        return np.stack(drawn, axis=-1)


def _scales(history: History, seen: Sequence[Observation]) -> tuple[SlackScale, ...]:
    units = {metric.name: metric.unit for metric in history.circuit.metrics}
    return tuple(
        SlackScale.of(spec, units.get(spec.metric, ""), measured(seen, spec.metric))
        for spec in history.specs
    )


def _slacks(scale: SlackScale, seen: Sequence[Observation]) -> Array:
    found = [one.metrics.get(scale.spec.metric) for one in seen]
    known = [scale.slack(v) if v is not None and math.isfinite(v) else None for v in found]
    worst = min((slack for slack in known if slack is not None), default=-1.0)
    return np.array([min(worst, _FAR) - _FAILED if slack is None else slack for slack in known])


def _kept(Y: Array, seen: Sequence[Observation]) -> NDArray[np.intp]:
    """Rows that the posterior rests on: all, or the best, the latest and some of the others.

    The best are those that miss least, among those that miss nothing the ones of largest FOM.
    """
    if len(Y) <= _POSTERIOR_POINTS:
        return np.arange(len(Y))
    missed = np.minimum(Y, 0.0).sum(axis=1).tolist()
    order = sorted(range(len(Y)), key=lambda row: (missed[row], seen[row].verdict.rank))[::-1]
    kept = {*order[: _POSTERIOR_POINTS // 2], *range(len(Y) - _LATEST, len(Y))}
    others = [row for row in order if row not in kept]
    places = np.linspace(0, len(others) - 1, _POSTERIOR_POINTS - len(kept)).astype(int)
    return np.array(sorted({*kept, *(others[place] for place in places)}))
