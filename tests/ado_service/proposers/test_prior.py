"""Warm starts as proposers see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ado_service.proposers.gp import GPProposer
from ado_service.proposers.prior import PriorProposer, known_before
from ado_service.proposers.protocol import History, Observation, Proposer
from ado_service.proposers.space_filling import SobolProposer
from tests.ado_service.proposers.test_gp import CIRCUIT, assert_new, empty, measured

TOP = 0.3
"""Where the stand-in circuit of these tests has its best design, on every axis."""


def prior(count: int = 40) -> tuple[Observation, ...]:
    return measured(empty(), SobolProposer().propose(empty(), count, 7)).observations


def warm(seen: Sequence[Observation] = (), count: int = 40) -> History:
    return replace(empty(), observations=tuple(seen), prior=prior(count))


def test_the_best_come_first() -> None:
    history = warm()
    found = PriorProposer().propose(history, 4, seed=1)
    assert_new(history, found, 4)
    ranks = {tuple(one.values.items()): one.verdict.rank for one in history.prior}
    proposed = [ranks[tuple(one.values.items())] for one in found]
    assert proposed == sorted(proposed, reverse=True)
    assert proposed[0] == max(ranks.values())
    assert {one.proposer for one in found} == {"prior"}


def test_they_are_apart_from_each_other_and_from_what_is_known() -> None:
    best = max(prior(), key=lambda one: one.verdict.rank)
    crowd = tuple(
        replace(best, values=best.values | {"w1": best.values["w1"] + 5e-9 * step})
        for step in range(9)
    )
    history = replace(empty(), prior=crowd)
    assert len(PriorProposer().propose(history, 4, seed=1)) == 1
    assert PriorProposer().propose(replace(history, pending=(best.values,)), 4, seed=1) == []
    assert PriorProposer().propose(empty(), 4, seed=1) == []


def test_a_model_does_not_see_a_design_twice() -> None:
    seen = prior()[:3]
    history = warm(seen)
    assert known_before(history, 100) == list(prior()[3:])
    assert known_before(history, 5) == list(prior()[3:8])


def test_the_gp_proposes_from_prior_designs_alone() -> None:
    proposer: Proposer = GPProposer()
    found = proposer.propose(warm(), 4, seed=3)
    assert {one.proposer for one in found} == {"gp"}
    assert proposer.propose(warm(), 4, seed=3) == found
    assert {one.proposer for one in proposer.propose(empty(), 4, seed=3)} == {"sobol"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prior_designs_bring_the_gp_nearer_to_the_top(seed: int) -> None:
    def nearest(history: History) -> float:
        found = GPProposer().propose(history, 4, seed)
        return min(
            max(abs(part - TOP) for part in CIRCUIT.to_unit(one.values)[:3]) for one in found
        )

    seen = measured(empty(), SobolProposer().propose(empty(), 5, seed)).observations
    assert nearest(warm(seen)) < nearest(replace(empty(), observations=seen))
