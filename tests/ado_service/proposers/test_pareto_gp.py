"""The Pareto proposer: it widens the front, keeps to the specs, and no history upsets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated

from ado_service.proposers.gp import GPProposer
from ado_service.proposers.pareto.acquisition import HypervolumeAcquisition
from ado_service.proposers.pareto.trade_off import TradeOff
from ado_service.proposers.pareto_gp import ParetoProposer
from ado_service.proposers.protocol import History, Proposal, Proposer
from ado_service.proposers.space_filling import RandomProposer, SobolProposer
from ado_service.proposers.surrogate.model_space import ModelSpace
from circuits.objective import Objective
from circuits.spec import Direction, Spec
from tests.ado_service.proposers.test_gp import assert_new
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()
GAIN = Spec(metric="gain", direction=Direction.ABOVE, threshold=55, norm=60, weight=1, penalty=-1)
TRADE = Objective.parse("pareto:power-,gbw+")
PARETO = ParetoProposer(GPProposer())


def empty(objective: Objective = TRADE) -> History:
    return History(CIRCUIT, (GAIN,), objective=objective)


def simulated(history: History, proposals: list[Proposal]) -> History:
    """A stand-in: power and bandwidth rise together over decades; gain is lost off a ridge."""
    for proposal in proposals:
        a, b, c, d = CIRCUIT.to_unit(proposal.values)
        metrics = {
            "power": 10 ** (-6 + 2 * a),
            "gbw": 10 ** (5 + 2 * a) * (1.1 - (b - 0.5) ** 2),
            "gain": 60.0 - 40 * (b - 0.4) ** 2 - 40 * (c - 0.6) ** 2 - d,
        }
        history = history.observe(proposal.values, metrics)
    return history


def started(n: int = 12, seed: int = 3, objective: Objective = TRADE) -> History:
    return simulated(empty(objective), SobolProposer().propose(empty(), n, seed))


def hypervolume(history: History) -> float:
    """Of the feasible front, powers and bandwidths as logarithms."""
    points = [
        [-torch.tensor(one.metrics["power"]).log10(), torch.tensor(one.metrics["gbw"]).log10()]
        for one in history.observations
        if one.verdict.feasible
    ]
    Y = torch.tensor(points, dtype=torch.double)
    return Hypervolume(torch.tensor([4.0, 5.0]).double()).compute(Y[is_non_dominated(Y)])


@pytest.mark.parametrize("n", [1, 3])
def test_proposals_are_new_valid_and_reproducible(n: int) -> None:
    proposer: Proposer = PARETO
    history = started()
    found = proposer.propose(history, n, seed=2)
    assert_new(history, found, n)
    assert {one.proposer for one in found} == {"pareto"}
    assert proposer.propose(history, n, seed=2) == found


def test_the_front_gains_more_than_by_chance() -> None:
    def gained(proposer: Proposer) -> float:
        history = started()
        before = hypervolume(history)
        for round_number in range(4):
            history = simulated(history, proposer.propose(history, 3, round_number))
        return hypervolume(history) - before

    assert gained(PARETO) > 1.5 * gained(RandomProposer())


def test_proposals_keep_to_the_specs_once_they_are_known() -> None:
    history = started(24)
    met = [one.verdict.feasible for one in history.observations]
    assert 0 < sum(met) < len(met)
    found = simulated(empty(), PARETO.propose(history, 4, seed=1)).observations
    assert sum(one.verdict.feasible for one in found) >= 3


def test_before_a_feasible_design_the_other_proposer_is_asked() -> None:
    hard = replace(empty(), specs=(GAIN.model_copy(update={"threshold": 1e3}),))
    history = simulated(hard, SobolProposer().propose(hard, 8, 1))
    assert PARETO.propose(history, 2, seed=1) == GPProposer().propose(history, 2, seed=1)
    assert ParetoProposer(RandomProposer()).propose(empty(), 2, 1)[0].proposer == "random"


def constant(history: History) -> History:
    for one in SobolProposer().propose(history, 6, 1):
        history = history.observe(one.values, {"power": 1e-5, "gbw": 1e6, "gain": 58.0})
    return history


def one_feasible(history: History) -> History:
    first, *others = SobolProposer().propose(history, 6, 1)
    history = history.observe(first.values, {"power": 1e-5, "gbw": 1e6, "gain": 58.0})
    for one in others:
        history = history.observe(one.values, {})
    return history


def alone(history: History) -> History:
    [one] = SobolProposer().propose(history, 1, 1)
    return history.observe(one.values, {"power": 1e-5, "gbw": 1e6, "gain": 58.0})


def repeated(history: History) -> History:
    [one] = SobolProposer().propose(history, 1, 1)
    return simulated(history, [one] * 8)


def unmeasured(history: History) -> History:
    """Feasible, but without a metric of the objective: no design is on the front."""
    for one in SobolProposer().propose(history, 6, 1):
        history = history.observe(one.values, {"power": None, "gbw": 1e6, "gain": 58.0})
    return history


@pytest.mark.parametrize("upset", [constant, one_feasible, alone, repeated, unmeasured])
def test_no_history_upsets_it(upset: Callable[[History], History]) -> None:
    history = upset(empty())
    assert_new(history, PARETO.propose(history, 2, seed=1), 2)


def test_pending_designs_are_taken_into_account() -> None:
    history = started()
    # The points themselves: proposals are kept clear of pending designs in any case.
    space = ModelSpace(CIRCUIT)
    known = TradeOff.of(history, space)

    def best(pending: list[dict[str, float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rng = np.random.default_rng(2)
        return HypervolumeAcquisition(known, space.points(pending), rng).best(1)[0]

    first = best([])
    assert float(np.abs(best([space.design(first)]) - first).max()) > 0.02


def test_three_metrics_and_a_direction_against_the_spec() -> None:
    history = started(objective=Objective.parse("pareto:power-,gbw+,gain-"))
    assert_new(history, PARETO.propose(history, 2, seed=1), 2)


def test_prior_designs_are_learned_from() -> None:
    history = started(6)
    warm = replace(history, prior=started(40, seed=9).observations)
    assert PARETO.propose(warm, 2, seed=1) != PARETO.propose(history, 2, seed=1)


def test_without_a_trade_off_it_says_so() -> None:
    for name in ("specs", "fom"):
        with pytest.raises(ValueError, match=f"objective {name}: no trade-off"):
            PARETO.propose(started(objective=Objective.parse(name)), 1, seed=1)


def test_a_batch_is_spread_along_the_front() -> None:
    found = PARETO.propose(started(20), 3, seed=5)
    points = [CIRCUIT.to_unit(one.values) for one in found]
    for one, other in combinations(points, 2):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.02
