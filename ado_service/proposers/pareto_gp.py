"""Trade-offs of two or three metrics under the specs: a process each, hypervolume gained."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from ado_service.proposers.pareto.acquisition import HypervolumeAcquisition
from ado_service.proposers.pareto.trade_off import TradeOff, competes
from ado_service.proposers.protocol import History, Proposal, Proposer
from ado_service.proposers.space_filling import filled, take_new
from ado_service.proposers.surrogate.model_space import ModelSpace


class ParetoProposer:
    """Designs that push the front of the objective's metrics outwards and meet every spec.

    The processes are those of `MetricGPProposer`, one a spec, and one more for each metric of the
    objective; `q` candidates about the front are chosen jointly by the hypervolume that they are
    expected to add, designs under way taken into account. Hypervolume is that of gains
    (`GainScale`), in which an octave is a unit, and is measured from the specs' thresholds and not
    from the worst of the front, as is usual: a young front covers a small part of the trade-off,
    and nothing beyond its ends would count. While no design of the job meets every spec there is no
    front to push, and `feasibility` proposes in its stead. Everything is numpy in float64 on one
    thread.

    Args:
        feasibility: looks for the first designs that meet every spec.
    """

    name = "pareto"

    def __init__(self, feasibility: Proposer) -> None:
        self._feasibility = feasibility

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` designs that jointly promise the largest gain of the front (see `Proposer`).

        Raises:
            ValueError: the objective of `history` is no Pareto objective.
        """
        if not history.objective.aims:
            raise ValueError(f"objective {history.objective}: no trade-off to look for")
        if not history.specs or not any(competes(one, history) for one in history.observations):
            return self._feasibility.propose(history, n, seed)
        space = ModelSpace(history.circuit)
        # A few more than wanted: some may fall on designs that are known.
        with threadpool_limits(1):
            points = HypervolumeAcquisition(
                TradeOff.of(history, space),
                space.points(list(history.pending)),
                np.random.default_rng(seed),
            ).best(n + 2)
        units = (np.array(history.circuit.to_unit(space.design(point))) for point in points)
        return filled(history, take_new(history, n, self.name, units), n, seed)
