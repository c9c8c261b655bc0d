"""The examples of a tuning: some to train on, others held out, all of them by the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ado_service.tunings.question import Question, by_own_specs, in_hindsight
from ado_service.tunings.sources import FEWEST, too_few
from ado_service.tunings.subject import Specs, Subject

_HELD_OUT = 0.1
_MOST_HELD_OUT = 32
"""Examples of each kind that are held out at most."""
_OWN = 0.3
"""Part of the examples that have the specs of a job."""
_SPLIT, _HELD, _TRAIN = 0, 1, 2
"""What each stream of random numbers is for."""


@dataclass(frozen=True, slots=True)
class Part:
    """What may be trained on of one circuit.

    Attributes:
        subject: the designs.
        pool: places of those that are not held out; `anchors` those of which everything is known.
        held_out: places of designs that are the answers of held-out examples.
        own: specs of jobs that are trained on; `held_out_specs` those that are not.
    """

    subject: Subject
    pool: tuple[int, ...]
    anchors: tuple[int, ...]
    held_out: tuple[int, ...]
    own: tuple[Specs, ...]
    held_out_specs: Specs | None

    @property
    def trained(self) -> Subject:
        """The subject with the specs that may be seen."""
        return Subject(self.subject.circuit, self.subject.designs, self.own)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Questions to train on, and questions that are held out.

    Held out are designs as answers; the specs of some jobs, where jobs asked for different ones;
    and the circuit with the fewest designs, where there are several.

    Attributes:
        seed: decides everything.
        parts: one a circuit that is trained on.
        other: the circuit that is held out whole; None where there is only one.
    """

    seed: int
    parts: tuple[Part, ...]
    other: Subject | None

    @classmethod
    def split(cls, subjects: Sequence[Subject], seed: int) -> Self:
        """Split what is on record.

        Raises:
            SubmissionError: there are too few designs to learn from.
        """
        usable = [one for one in subjects if len(one.answers()) > 1]
        known = sum(len(one.answers()) for one in usable)
        if known < FEWEST:
            raise too_few(known, sum(len(one.designs) for one in subjects))
        other = _held_out_circuit(usable, known)
        rng = np.random.default_rng([seed, _SPLIT])
        parts = tuple(_part(one, rng) for one in usable if one is not other)
        return cls(seed, parts, other)

    def question(self, step: int, place: int, attempt: int = 0) -> Question:
        """An example to train on, a pure function of the seed and these numbers."""
        rng = np.random.default_rng([self.seed, _TRAIN, step, place, attempt])
        weights = np.sqrt([len(part.anchors) for part in self.parts])
        part = self.parts[int(rng.choice(len(self.parts), p=weights / weights.sum()))]
        if rng.random() < _OWN:
            specs = part.own[int(rng.integers(len(part.own)))]
            return by_own_specs(part.subject, specs, part.pool, rng)
        return in_hindsight(part.trained, int(rng.choice(part.anchors)), part.pool, rng)

    def held_out(
        self, *, asked: int | None = None, shown: int | None = None
    ) -> dict[str, list[Question]]:
        """The held-out examples by what was held out; always the same ones."""
        rng = np.random.default_rng([self.seed, _HELD])
        found: dict[str, list[Question]] = {"designs": [], "spec_sets": [], "circuits": []}
        for part in self.parts:
            found["designs"] += [
                in_hindsight(part.trained, anchor, part.pool, rng, asked=asked, shown=shown)
                for anchor in part.held_out
            ]
            if part.held_out_specs is not None:
                found["spec_sets"] += [
                    by_own_specs(
                        part.subject, part.held_out_specs, part.pool, rng, asked=asked, shown=shown
                    )
                    for _ in part.held_out
                ]
        if self.other is not None:
            known = self.other.answers()
            everything = range(len(self.other.designs))
            found["circuits"] += [
                in_hindsight(self.other, int(anchor), everything, rng, asked=asked, shown=shown)
                for anchor in rng.permutation(known)[:_MOST_HELD_OUT]
            ]
        return {kind: some for kind, some in found.items() if some}


def _held_out_circuit(subjects: Sequence[Subject], known: int) -> Subject | None:
    """The one with the fewest designs, where the others are enough to learn from."""
    if len({one.circuit.name for one in subjects}) < 2:
        return None
    fewest = min(subjects, key=lambda one: len(one.answers()))
    same = [one for one in subjects if one.circuit.name == fewest.circuit.name]
    left = known - len(fewest.answers())
    return fewest if left >= FEWEST and len(same) == 1 else None


def _part(subject: Subject, rng: np.random.Generator) -> Part:
    known = rng.permutation(subject.answers()).tolist()
    count = min(max(1, round(_HELD_OUT * len(known))), _MOST_HELD_OUT)
    held_out = tuple(known[:count])
    own, specs = subject.spec_sets, None
    if len(own) > 1:
        place = int(rng.integers(len(own)))
        specs, own = own[place], own[:place] + own[place + 1 :]
    pool = tuple(place for place in range(len(subject.designs)) if place not in set(held_out))
    return Part(subject, pool, tuple(known[count:]), held_out, own, specs)
