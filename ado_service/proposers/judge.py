"""Whether a proposed design is worth a simulation: the seam, and a judge that needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.screening import Screen

NEAR = 0.01
"""Designs nearer than this in every coordinate of the unit cube are near-duplicates.

A hundredth of an axis is far below the length scale of any metric here, so that the models of the
GP know what comes out, and a GP with such a point in mind finds it by its gradients. (`SAME` of
screening is ten times less: nearer than that, two designs are one.)
"""


class Refusal(StrEnum):
    """Why a design is not worth a simulation."""

    HOPELESS = "hopeless"
    """The models hold it to be as good as sure that it is no improvement."""
    DUPLICATE = "duplicate"
    """It is nearly the same as a design that is simulated, pending or proposed."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of one design.

    Attributes:
        refusal: why it should not be simulated; None when it should.
        why: the same in a few words, for the transcript; may name numbers.
        merit: what is expected of it, the more the better; None where no model says. Opinions of
            one call can be compared.
    """

    refusal: Refusal | None = None
    why: str = ""
    merit: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the design is worth its simulation."""
        return self.refusal is None

    def __str__(self) -> str:
        """For people and for the LLM."""
        said = "accepted" if self.refusal is None else self.refusal.value
        return f"{said} ({self.why})" if self.why else said


class Judge(Protocol):
    """Says which of a set of proposals are worth their simulations.

    Contract: a pure function of its arguments, bit for bit, as `Proposer` is. One opinion a
    proposal, in their order; a proposal is compared with those before it too. It does not raise
    for degenerate histories (no designs, all failed, constant metrics) and accepts what it has no
    grounds to refuse: without a model every new design is accepted.
    """

    def judge(self, history: History, proposals: Sequence[Proposal], seed: int) -> list[Opinion]:
        """An opinion on each of `proposals`.

        Args:
            history: designs so far, pending ones included; no proposal is among them.
            proposals: on range and on grid.
            seed: of this call; derived by the caller from (job seed, round).
        """
        ...


@dataclass(frozen=True, slots=True)
class NoveltyJudge:
    """Accepts what is new, refuses near-duplicates; the judge where there is no model.

    Attributes:
        near: distance in unit-cube coordinates, largest over the axes, below which a design is
            a near-duplicate.
    """

    near: float = NEAR

    def judge(self, history: History, proposals: Sequence[Proposal], seed: int) -> list[Opinion]:
        """See `Judge`; the seed is not used."""
        del seed
        seen = [one.values for one in history.observations]
        screen = Screen(history.circuit, [*seen, *history.pending], same=self.near)
        return [
            Opinion()
            if screen.take(proposal.values) is not None
            else Opinion(Refusal.DUPLICATE, f"within {self.near:g} of every axis of another")
            for proposal in proposals
        ]
