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


@dataclass(frozen=True, slots=True)
class Tried:
    """A design of a job's record, as far as credit is concerned.

    Attributes:
        index: place in the job's order, from 0.
        round: 0 for the initial designs.
        proposer: who suggested it.
        rank: `Verdict.rank`, larger is better; None while it is pending.
    """

    index: int
    round: int
    proposer: str
    rank: tuple[bool, float] | None


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
            simulated first in a round has no advantage. Initial designs improve nothing.
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
    best: tuple[bool, float] | None = None
    for round_number, group in groupby(tried, key=lambda one: one.round):
        ranked = [(one.index, one.rank) for one in group if one.rank is not None]
        if round_number > 0:
            yield from (index for index, rank in ranked if best is None or rank > best)
        best = max([rank for _, rank in ranked] + ([] if best is None else [best]), default=None)


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
