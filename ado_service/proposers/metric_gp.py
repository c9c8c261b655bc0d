"""The proposer: a Gaussian process per metric, the objective composed on their samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from ado_service.proposers.judge import NoveltyJudge, Opinion, Refusal
from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.space_filling import filled, take_new
from ado_service.proposers.surrogate.acquisition import Acquisition
from ado_service.proposers.surrogate.merit import Merit
from ado_service.proposers.surrogate.model_space import ModelSpace
from ado_service.proposers.surrogate.surrogate import Surrogate

_LEAST = 2
"""Designs below which a model says nothing that a Sobol point would not."""
_TRUSTED = 15
"""Designs below which no proposal is called hopeless: the model may simply not know."""
_HOPELESS = 0.004
"""Chance of an improvement below which a proposal is: one of 256 samples is as good as none."""


class MetricGPProposer:
    """Designs that promise to meet the specs, or to raise the objective once they do.

    Each spec's metric is transformed to a slack and modelled by a Gaussian process of its own;
    the merit (violations, then the objective) is composed on their joint samples; `q` candidates
    are chosen jointly within a trust region by expected improvement, designs under way taken into
    account. Failed simulations count as worse than the worst, so that the model learns where
    nothing works. Everything is numpy in float64 on one thread. Use `GPProposer` for the paper's
    setting, one process on the scalar figure of merit.
    """

    name = "gp"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` designs (see `Proposer`); Sobol points where there is nothing to learn from."""
        acquisition = _acquisition(history, seed)
        proposals: list[Proposal] = []
        if acquisition is not None:
            # A few more than wanted: some may fall on designs that are known.
            with threadpool_limits(1):
                points = acquisition.best(n + 2)
            designs = (acquisition.surrogate.space.design(point) for point in points)
            units = (np.array(history.circuit.to_unit(design)) for design in designs)
            proposals = take_new(history, n, self.name, units)
        return filled(history, proposals, n, seed)


class MetricGPJudge:
    """Refuses near-duplicates and what the models hold to be hopeless (see `Judge`)."""

    def judge(self, history: History, proposals: Sequence[Proposal], seed: int) -> list[Opinion]:
        """An opinion on each of `proposals`, its expected improvement for a merit.

        Hopeless is judged from 15 designs on.

        Prior designs count among the 15, but one design has to be the job's own: what to be better
        than is the best of those.
        """
        opinions = NoveltyJudge().judge(history, proposals, seed)
        if not proposals or not history.observations:
            return opinions
        acquisition = _acquisition(history, seed)
        if acquisition is None:
            return opinions
        points = acquisition.surrogate.space.points([one.values for one in proposals])
        trusted = len(history.observations) + len(history.prior) >= _TRUSTED
        with threadpool_limits(1):
            merits = acquisition.expected_improvement(points)
            chances = acquisition.chance(points) if trusted else np.ones(len(points))
        return [
            _opinion(float(chance), float(merit)) if opinion.accepted else opinion
            for opinion, chance, merit in zip(opinions, chances, merits, strict=True)
        ]


def _opinion(chance: float, merit: float) -> Opinion:
    if chance >= _HOPELESS:
        return Opinion(merit=merit)
    why = f"the models give it a chance of {chance:.1%} to be better"
    return Opinion(Refusal.HOPELESS, why, merit)


def _acquisition(history: History, seed: int) -> Acquisition | None:
    """What the history says of designs; None where there is nothing to learn from."""
    seen = [*history.prior, *history.observations]
    if len(seen) < _LEAST or not history.specs:
        return None
    space = ModelSpace(history.circuit)
    with threadpool_limits(1):
        surrogate = Surrogate.of(history, space)
    if float(np.ptp(surrogate.Y, axis=0).max()) < 1e-12:
        return None
    merit = Merit.of(surrogate)
    rng = np.random.default_rng(seed)
    return Acquisition(surrogate, merit, space.points(list(history.pending)), rng)
