"""Who found what: each proposer's credit, and the share of a round that the LLM has earned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydantic import BaseModel, ConfigDict

LLM = "llm"
_USUAL = 1 / 5
"""The LLM's part of a round at equal credit, that of the paper (ADO-LLM, ICCAD 2024)."""
_LONGEST_WAIT = 8
"""Rounds between two probes of an LLM whose designs gain nothing."""
_MEMORY = 0.9
"""What a round counts for in the next one: after seven rounds half."""
_DOUBT = 1.0
"""Gains that each side is credited with beforehand; less evidence than that moves little."""

Rank = tuple[bool, *tuple[float, ...]]
"""Whether all specs are met, then figures that count one after the other."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A design of a job's record, as far as credit is concerned.

    Attributes:
        index: place in the job's order, from 0.
        round: 0 for the initial designs.
        proposer: who suggested it.
        rank: `Verdict.rank`, then minus the shortfall (`circuits.shortfall`): how near it is
            decides between designs of one FOM. Larger is better; None while it is pending.
        gains: of a feasible design of a Pareto job (`Objective.gains`); None of all others.
    """

    index: int
    round: int
    proposer: str
    rank: Rank | None
    gains: tuple[float, ...] | None = None


class ProposerCredit(BaseModel):
    """What one proposer did for a job.

    Attributes:
        proposer: its name.
        proposed: designs that it put forward, those that were rejected included.
        accepted: how many of them were put on record to be simulated.
        rejected: problems for which others were not, as its transcript counts them.
        simulated: how many were simulated by now.
        feasible: how many of these met every spec.
        improved: how many were better than every design of the rounds before, so that who is
            simulated first in a round has no advantage. In a Pareto job a feasible design is where
            none of those is as good in every metric of the objective: it came onto the front.
            Initial designs improve nothing.
    """

    model_config = ConfigDict(frozen=True)

    proposer: str
    proposed: int
    accepted: int
    rejected: int
    simulated: int
    feasible: int
    improved: int


class Credit(BaseModel):
    """Who found what in a job.

    Attributes:
        best_by: who proposed the best design; None before there is one.
        first_feasible_by: who proposed the first design that met every spec; None if none has.
        proposers: each one's part, by name.
    """

    model_config = ConfigDict(frozen=True)

    best_by: str | None
    first_feasible_by: str | None
    proposers: tuple[ProposerCredit, ...]


def credit(tried: Sequence[Tried], rejected: Mapping[str, int] | None = None) -> Credit:
    """The credit of everybody who proposed something.

    Args:
        tried: the job's designs, by index.
        rejected: problems by proposer, of those who are asked for reasons.
    """
    rejected = {name: count for name, count in (rejected or {}).items() if count}
    simulated = [(one, one.rank) for one in tried if one.rank is not None]
    best = max(simulated, key=lambda pair: (pair[1], -pair[0].index), default=None)
    feasible = [one for one, rank in simulated if rank[0]]
    gained = set(_gained(tried))
    names = sorted({*(one.proposer for one in tried), *rejected})
    return Credit(
        best_by=None if best is None else best[0].proposer,
        first_feasible_by=min(feasible, key=lambda one: one.index).proposer if feasible else None,
        proposers=tuple(
            _of_one(name, [one for one in tried if one.proposer == name], gained, rejected)
            for name in names
        ),
    )


def llm_designs(tried: Sequence[Tried], round_number: int, batch: int) -> int:
    """How many designs of a round of `batch` the LLM proposes, by its credit so far.

    Over the rounds after the initial one, let S be the gains (designs better than all of the
    rounds before) of the LLM, and E what it would have if gains fell to everybody alike: all
    gains times the LLM's part of all designs. Each round counts 0.9 times what the next one does.
    Then

        ratio = (S + 1) / (E + 1),        share = ratio * batch / 5 designs a round,

    an observed over an expected rate, held at 1 by one gain's worth of doubt (the gamma-Poisson
    shrinkage of DuMouchel, The American Statistician 53, 1999). So the LLM has the paper's one
    in five while nobody is known to do better. From one design a round on the share is rounded
    and at most half the batch; below, it is one design every 1/share rounds, and at least one
    in eight rounds, in which it can win its share back.

    A pure function of the record: a resumed job asks as the undisturbed one did.

    Args:
        tried: the designs of all rounds before `round_number`, by index.
        round_number: from 1.
        batch: designs of the round.
    """
    share = _ratio(tried, round_number) * batch * _USUAL
    if share >= 1:
        return min(int(share + 0.5), max(1, batch // 2))
    wait = min(int(1 / share + 0.5), _LONGEST_WAIT)
    last = max((one.round for one in tried if one.proposer == LLM), default=0)
    return int(round_number - last >= wait)


def _of_one(
    name: str, own: Sequence[Tried], gained: set[int], rejected: Mapping[str, int]
) -> ProposerCredit:
    refused = rejected.get(name, 0)
    ranks = [one.rank for one in own if one.rank is not None]
    return ProposerCredit(
        proposer=name,
        proposed=len(own) + refused,
        accepted=len(own),
        rejected=refused,
        simulated=len(ranks),
        feasible=sum(rank[0] for rank in ranks),
        improved=sum(one.index in gained for one in own),
    )


def _gained(tried: Iterable[Tried]) -> Iterable[int]:
    """Indexes of the designs that are better than all of the rounds before theirs."""
    best: Rank | None = None
    front: list[tuple[float, ...]] = []
    for round_number, group in groupby(tried, key=lambda one: one.round):
        simulated = [(one, one.rank) for one in group if one.rank is not None]
        if round_number > 0:
            yield from (one.index for one, rank in simulated if _is_better(one, rank, best, front))
        best = max([rank for _, rank in simulated] + ([] if best is None else [best]), default=None)
        front = _undominated(front, [one.gains for one, _ in simulated if one.gains is not None])


def _is_better(
    one: Tried, rank: Rank, best: Rank | None, front: Sequence[tuple[float, ...]]
) -> bool:
    """Whether a design is better than the best, or has a place on the front, before its round."""
    if one.gains is None:
        return best is None or rank > best
    return not any(_covers(other, one.gains) for other in front)


def _undominated(
    front: Sequence[tuple[float, ...]], more: Sequence[tuple[float, ...]]
) -> list[tuple[float, ...]]:
    found = list(front)
    for gains in more:
        if not any(_covers(other, gains) for other in found):
            found = [other for other in found if not _covers(gains, other)] + [gains]
    return found


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is at least as good in every metric."""
    return all(a >= b for a, b in zip(one, other, strict=True))


def _ratio(tried: Sequence[Tried], round_number: int) -> float:
    """Gains of the LLM over those that would be its part, see `llm_designs`."""
    gained = set(_gained(tried))
    gains, designs = {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
    for one in tried:
        if one.round == 0 or one.rank is None:
            continue
        weight = _MEMORY ** (round_number - 1 - one.round)
        designs[one.proposer == LLM] += weight
        gains[one.proposer == LLM] += weight * (one.index in gained)
    total = sum(designs.values())
    expected = sum(gains.values()) * designs[True] / total if total else 0.0
    return (gains[True] + _DOUBT) / (expected + _DOUBT)
