"""The GP proposer: it learns, and no history upsets it."""

from __future__ import annotations

import math

import pytest

from ado_service.proposers.gp import GPProposer
from ado_service.proposers.protocol import History, Proposal, Proposer
from ado_service.proposers.space_filling import RandomProposer, SobolProposer
from circuits.definition import Circuit
from tests.prompts.circuit import small_circuit

CIRCUIT = small_circuit()
PROPOSERS: list[Proposer] = [GPProposer(), RandomProposer(), SobolProposer()]


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


@pytest.mark.parametrize("proposer", PROPOSERS, ids=lambda one: one.name)
@pytest.mark.parametrize("n", [1, 4])
def test_proposals_are_new_valid_and_reproducible(proposer: Proposer, n: int) -> None:
    history = started()
    proposals = proposer.propose(history, n, 3)
    assert_new(history, proposals, n)
    assert {proposal.proposer for proposal in proposals} == {proposer.name}
    assert proposer.propose(history, n, 3) == proposals
    assert proposer.propose(history, n, 4) != proposals


def test_it_finds_a_top_that_random_search_does_not() -> None:
    def best(proposer: Proposer) -> float:
        history = started()
        for round_number in range(6):
            history = measured(history, proposer.propose(history, 4, round_number))
        assert history.best is not None
        return history.best.verdict.fom

    assert best(GPProposer()) > best(RandomProposer())


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


DEGENERATE = {
    "no design": lambda history: history,
    "one design": lambda history: measured(history, SobolProposer().propose(history, 1, 1)),
    "two designs": lambda history: measured(history, SobolProposer().propose(history, 2, 1)),
    "all of one FOM": flat,
    "all failed": failed,
    "the same design eight times": repeated,
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_histories_end_in_sensible_proposals(case: str) -> None:
    history = DEGENERATE[case](empty())
    assert_new(history, GPProposer().propose(history, 4, 9), 4)


def test_one_variable_is_enough() -> None:
    circuit = small_circuit(variables=(CIRCUIT.variables[0],), device_groups=())
    history = measured(empty(circuit), SobolProposer().propose(empty(circuit), 4, 0))
    assert_new(history, GPProposer().propose(history, 2, 1), 2)


def test_a_grid_that_is_used_up_gives_fewer_designs_and_no_error() -> None:
    circuit = small_circuit(variables=(CIRCUIT.variables[3],), device_groups=())
    history = measured(empty(circuit), SobolProposer().propose(empty(circuit), 8, 0))
    assert len(history.observations) == 8
    assert GPProposer().propose(history, 2, 1) == []


def test_pending_designs_are_kept_clear_of() -> None:
    history = started()
    pending = tuple(one.values for one in GPProposer().propose(history, 2, 5))
    waiting = History(history.circuit, history.specs, history.observations, pending)
    proposals = GPProposer().propose(waiting, 2, 5)
    assert_new(waiting, proposals, 2)
    unit = history.circuit.to_unit
    nearest = min(
        math.dist(unit(proposal.values), unit(values))
        for proposal in proposals
        for values in pending
    )
    assert nearest > 1e-3


def test_global_random_state_is_left_alone() -> None:
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    GPProposer().propose(started(), 2, 1)
    assert torch.equal(before, torch.random.get_rng_state())
