"""Which models propose and judge: the one place that names them."""

from __future__ import annotations

from typing import Literal

from ado_service.proposers.gp import GPProposer
from ado_service.proposers.judge import Judge, NoveltyJudge
from ado_service.proposers.metric_gp import MetricGPJudge, MetricGPProposer
from ado_service.proposers.pareto_gp import ParetoProposer
from ado_service.proposers.protocol import Proposer
from circuits.objective import Mode, Objective

Modelled = Literal["metrics", "fom"]
"""What the GP models: each spec's metric, or the figure of merit as in the paper."""


def model_proposer(objective: Objective, modelled: Modelled = "metrics") -> Proposer:
    """Who proposes, from what was simulated, the designs that nobody else does."""
    feasibility: Proposer = GPProposer() if modelled == "fom" else MetricGPProposer()
    return ParetoProposer(feasibility) if objective.mode is Mode.PARETO else feasibility


def model_judge(modelled: Modelled = "metrics") -> Judge:
    """Who says whether the LLM's designs are worth their simulations.

    In the paper's setting only what is nearly the same as another is refused.
    """
    return NoveltyJudge() if modelled == "fom" else MetricGPJudge()
