"""What the agent would ask, and a good answer to it, made of designs on record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.pretrain.example import reasoning
from ado_service.proposers.protocol import Observation
from ado_service.tunings.hindsight import reached
from ado_service.tunings.subject import Specs, Subject
from circuits.definition import Circuit
from circuits.units import format_quantity, rounded
from prompts.demonstration import Demonstration
from prompts.render import few_shot
from prompts.schema import AnswerSchema, answer_schema

_MOST_SHOWN, _MOST_ASKED = 5, 5
_ONE, _RANDOM = 0.6, 0.3
"""How often one design is asked for, and how often demonstrations are any and not the best."""
_CANDIDATES = 48
"""Designs that are looked at for one question."""
_BEST = 0.25
"""Part of the designs that are good enough an answer to specs that none of them meets."""
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and designs that are better than its demonstrations.

    Attributes:
        circuit: what is sized.
        specs: what is asked for.
        shown: the demonstrations, best first.
        answers: values of designs (SI units), as many as the prompt asks for.
    """

    circuit: Circuit
    specs: Specs
    shown: tuple[Observation, ...]
    answers: tuple[Mapping[str, float], ...]

    @property
    def messages(self) -> list[ChatMessage]:
        """The prompt as `LLMAgent` renders it."""
        shown = [
            Demonstration(one.values, one.metrics, one.regions, one.failure) for one in self.shown
        ]
        prompt = few_shot(self.circuit, self.specs, shown, len(self.answers))
        return [ChatMessage(one["role"], one["content"]) for one in prompt]

    @property
    def answer(self) -> str:
        """The answer as JSON, spaced as answers are that are held to the schema."""
        designs = [
            {
                one.name: format_quantity(rounded(values[one.name], _DIGITS))
                for one in self.circuit.variables
            }
            for values in self.answers
        ]
        said = reasoning(self.circuit, self.specs)
        return json.dumps({"reasoning": said, "designs": designs})

    @property
    def schema(self) -> AnswerSchema:
        """The JSON schema of an answer."""
        return answer_schema(self.circuit, len(self.answers))


def in_hindsight(
    subject: Subject,
    anchor: int,
    pool: Sequence[int],
    rng: np.random.Generator,
    *,
    asked: int | None = None,
    shown: int | None = None,
) -> Question:
    """A question to which the design at `anchor` is an answer, by specs that it reached.

    Args:
        subject: the designs.
        anchor: place of one of which everything is known.
        pool: places of the designs that may be shown, or be further answers.
        rng: source of randomness.
        asked: designs that are asked for; drawn when None.
        shown: demonstrations at most; drawn when None.
    """
    asked_sets = subject.spec_sets
    wanted = asked_sets[int(rng.integers(len(asked_sets)))]
    specs = reached(subject.circuit, wanted, subject.designs[anchor], rng)
    return _question(subject, specs, anchor, pool, rng, asked, shown)


def by_own_specs(
    subject: Subject,
    specs: Specs,
    pool: Sequence[int],
    rng: np.random.Generator,
    *,
    asked: int | None = None,
    shown: int | None = None,
) -> Question:
    """A question with the specs of a job; the answer is one of the best designs of `pool`."""
    known = np.intersect1d(pool, subject.answers())
    ranks = [subject.designs[place].judged(specs).verdict.rank for place in known]
    order = sorted(range(len(known)), key=lambda at: ranks[at], reverse=True)
    good = order[: max(1, round(_BEST * len(order)))]
    anchor = int(known[good[int(rng.integers(len(good)))]])
    return _question(subject, specs, anchor, pool, rng, asked, shown)


def _question(
    subject: Subject,
    specs: Specs,
    anchor: int,
    pool: Sequence[int],
    rng: np.random.Generator,
    asked: int | None,
    shown: int | None,
) -> Question:
    if asked is None:
        asked = 1 if rng.random() < _ONE else int(rng.integers(2, _MOST_ASKED + 1))
    if shown is None:
        shown = int(rng.integers(_MOST_SHOWN + 1))
    best = subject.designs[anchor].judged(specs)
    others = [place for place in pool if place != anchor]
    drawn = rng.permutation(others)[: int(rng.integers(min(shown, len(others)), _CANDIDATES + 1))]
    seen = [subject.designs[place].judged(specs) for place in drawn]
    worse = [one for one in seen if one.verdict.rank < best.verdict.rank]
    feasible = [one for one in seen if one.verdict.feasible] if best.verdict.feasible else []
    demonstrations = _shown(worse, shown, rng)
    held = {id(one) for one in demonstrations}
    more = [one.values for one in feasible if id(one) not in held][: asked - 1]
    return Question(subject.circuit, specs, tuple(demonstrations), (best.values, *more))


def _shown(worse: Sequence[Observation], count: int, rng: np.random.Generator) -> list[Observation]:
    """Demonstrations, best first: the best of those at hand, or any of them."""
    ranked = sorted(worse, key=lambda one: one.verdict.rank, reverse=True)
    if rng.random() < _RANDOM:
        kept = sorted(rng.permutation(len(ranked))[:count].tolist())
        return [ranked[place] for place in kept]
    return ranked[:count]
