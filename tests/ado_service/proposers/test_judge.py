"""Judges: what is new is worth a simulation, what is nearly known is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ado_service.proposers.judge import NEAR, Judge, NoveltyJudge, Opinion, Refusal
from ado_service.proposers.protocol import History, Proposal
from tests.prompts.circuit import SPECS, small_circuit

CIRCUIT = small_circuit()
JUDGE: Judge = NoveltyJudge()


def design(*point: float) -> dict[str, float]:
    """The design at a point of the unit cube; the last axis is that of whole numbers."""
    return CIRCUIT.from_unit([*point, 0.0])


def refusals(history: History, *designs: Mapping[str, float]) -> list[Refusal | None]:
    proposals = [Proposal(dict(values), "llm") for values in designs]
    return [opinion.refusal for opinion in JUDGE.judge(history, proposals, seed=1)]


MIDDLE = design(0.5, 0.5, 0.5)
NEARBY = design(0.5 + 0.8 * NEAR, 0.5, 0.5 - 0.8 * NEAR)
FARTHER = design(0.5, 0.5 + 1.5 * NEAR, 0.5)


def test_without_a_history_everything_new_is_accepted() -> None:
    assert refusals(History(CIRCUIT, SPECS), MIDDLE, FARTHER) == [None, None]
    assert refusals(History(CIRCUIT, SPECS)) == []


@pytest.mark.parametrize("known", ["simulated", "failed", "pending"])
def test_near_copies_of_what_is_known_are_refused(known: str) -> None:
    history = {
        "simulated": History(CIRCUIT, SPECS).observe(MIDDLE, {"gain": 1.0}),
        "failed": History(CIRCUIT, SPECS).observe(MIDDLE, {}),
        "pending": History(CIRCUIT, SPECS, pending=(MIDDLE,)),
    }[known]
    assert refusals(history, NEARBY, FARTHER) == [Refusal.DUPLICATE, None]


def test_proposals_are_compared_with_those_before_them() -> None:
    assert refusals(History(CIRCUIT, SPECS), MIDDLE, NEARBY, FARTHER) == [
        None,
        Refusal.DUPLICATE,
        None,
    ]


def test_opinions_say_what_they_mean() -> None:
    assert Opinion().accepted
    assert str(Opinion()) == "accepted"
    refused = Opinion(Refusal.HOPELESS, "probability of feasibility 1e-9")
    assert not refused.accepted
    assert str(refused) == "hopeless (probability of feasibility 1e-9)"
