"""The proposers that model: they learn, and no history upsets them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ado_service.proposers.gp import GPProposer
from ado_service.proposers.metric_gp import MetricGPProposer
from ado_service.proposers.protocol import History, Proposal, Proposer
from ado_service.proposers.space_filling import RandomProposer, SobolProposer
from circuits.definition import Circuit
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()
MODELS: list[Proposer] = [GPProposer(), MetricGPProposer()]
PROPOSERS: list[Proposer] = [*MODELS, RandomProposer(), SobolProposer()]
each_model = pytest.mark.parametrize("proposer", MODELS, ids=lambda one: type(one).__name__)


def empty(circuit: Circuit = CIRCUIT) -> History:
    return History(circuit, circuit.specs())


def measured(history: History, proposals: list[Proposal]) -> History:
    """A smooth stand-in for a circuit: gain has its top at three tenths of each axis."""
    for proposal in proposals:
        point = history.circuit.to_unit(proposal.values)
        gain = 50.0 - 100.0 * sum((part - 0.3) ** 2 for part in point)
        spread = {"gain": 60 + gain, "gbw": 2e6, "power": 1e-5}
        history = history.observe(proposal.values, spread)
    return history


def started(n: int = 6, seed: int = 0) -> History:
    return measured(empty(), SobolProposer().propose(empty(), n, seed))


def assert_new(history: History, proposals: list[Proposal], n: int) -> None:
    """On range and grid, and no design twice."""
    assert len(proposals) == n
    for proposal in proposals:
        assert history.circuit.snap(proposal.values) == proposal.values
    seen = [dict(one.values) for one in history.observations]
    seen += [dict(values) for values in history.pending]
    for proposal in proposals:
        assert proposal.values not in seen
        seen.append(proposal.values)


@pytest.mark.parametrize("proposer", PROPOSERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("n", [1, 4])
def test_proposals_are_new_valid_and_reproducible(proposer: Proposer, n: int) -> None:
    history = started()
    proposals = proposer.propose(history, n, 3)
    assert_new(history, proposals, n)
    assert {proposal.proposer for proposal in proposals} == {proposer.name}
    assert proposer.propose(history, n, 3) == proposals
    assert proposer.propose(history, n, 4) != proposals


@each_model
def test_it_finds_a_top_that_random_search_does_not(proposer: Proposer) -> None:
    def best(proposer: Proposer) -> float:
        history = started()
        for round_number in range(6):
            history = measured(history, proposer.propose(history, 4, round_number))
        assert history.best is not None
        return history.best.verdict.fom

    assert best(proposer) > best(RandomProposer())


def flat(history: History) -> History:
    for proposal in SobolProposer().propose(history, 5, 1):
        history = history.observe(proposal.values, {"gain": 1.0, "gbw": 1.0, "power": 1.0})
    return history


def failed(history: History) -> History:
    for proposal in SobolProposer().propose(history, 5, 1):
        history = history.observe(proposal.values, {})
    return history


def repeated(history: History) -> History:
    proposal = SobolProposer().propose(history, 1, 1)
    for _ in range(8):
        history = measured(history, proposal)
    return measured(history, SobolProposer().propose(history, 2, 2))


def constant_metric(history: History) -> History:
    for place, proposal in enumerate(SobolProposer().propose(history, 7, 1)):
        history = history.observe(
            proposal.values, {"gain": 50.0, "gbw": 1e5 * place, "power": 1e-3}
        )
    return history


def not_numbers(history: History) -> History:
    for proposal in SobolProposer().propose(history, 6, 1):
        metrics = {"gain": math.inf, "gbw": -1.0, "power": 0.0}
        history = history.observe(proposal.values, metrics)
    return history


def out_of_reach(history: History) -> History:
    """Specs that contradict each other: power has to be below what any design takes."""
    specs = tuple(
        spec.model_copy(update={"threshold": 1e-30}) if spec.metric == "power" else spec
        for spec in history.specs
    )
    return measured(replace(history, specs=specs), SobolProposer().propose(history, 9, 1))


DEGENERATE = {
    "a constant metric": constant_metric,
    "infinite, negative and zero metrics": not_numbers,
    "specs out of reach": out_of_reach,
    "no design": lambda history: history,
    "one design": lambda history: measured(history, SobolProposer().propose(history, 1, 1)),
    "two designs": lambda history: measured(history, SobolProposer().propose(history, 2, 1)),
    "all of one FOM": flat,
    "all failed": failed,
    "the same design eight times": repeated,
}


@each_model
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_histories_end_in_sensible_proposals(case: str, proposer: Proposer) -> None:
    history = DEGENERATE[case](empty())
    assert_new(history, proposer.propose(history, 4, 9), 4)


@each_model
def test_one_variable_is_enough(proposer: Proposer) -> None:
    circuit = small_circuit(variables=(CIRCUIT.variables[0],), device_groups=())
    history = measured(empty(circuit), SobolProposer().propose(empty(circuit), 4, 0))
    assert_new(history, proposer.propose(history, 2, 1), 2)


@each_model
def test_a_grid_that_is_used_up_gives_fewer_designs_and_no_error(proposer: Proposer) -> None:
    circuit = small_circuit(variables=(CIRCUIT.variables[3],), device_groups=())
    history = measured(empty(circuit), SobolProposer().propose(empty(circuit), 8, 0))
    assert len(history.observations) == 8
    assert proposer.propose(history, 2, 1) == []


@each_model
def test_pending_designs_are_kept_clear_of(proposer: Proposer) -> None:
    history = started()
    pending = tuple(one.values for one in proposer.propose(history, 2, 5))
    waiting = History(history.circuit, history.specs, history.observations, pending)
    proposals = proposer.propose(waiting, 2, 5)
    assert_new(waiting, proposals, 2)
    unit = history.circuit.to_unit
    nearest = min(
        math.dist(unit(proposal.values), unit(values))
        for proposal in proposals
        for values in pending
    )
    assert nearest > 1e-3


@each_model
def test_global_random_state_is_left_alone(proposer: Proposer) -> None:
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    numbers = np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    proposer.propose(started(), 2, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])  # type: ignore[index]
