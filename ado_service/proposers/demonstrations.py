"""Which simulated designs the LLM is shown as examples."""

from __future__ import annotations

import random
from typing import Literal

from ado_service.proposers.protocol import History, Observation
from prompts.demonstration import Demonstration

Choice = Literal["top", "random", "none"]
"""`top` by verdict (the method of the paper); `random` and `none` are its ablations."""


def choose(history: History, choice: Choice, count: int, seed: int) -> list[Demonstration]:
    """At most `count` examples, best first; the same ones for the same seed.

    Designs that are equal in rank keep their age: the earlier first.
    """
    if choice == "none" or count < 1:
        return []
    seen = list(history.observations)
    if choice == "random":
        seen = random.Random(seed).sample(seen, min(count, len(seen)))  # noqa: S311 (no secret)
    best = sorted(seen, key=lambda one: one.verdict.rank, reverse=True)[:count]
    return [_demonstration(one) for one in best]


def _demonstration(seen: Observation) -> Demonstration:
    return Demonstration(seen.values, seen.metrics, seen.regions, seen.failure)
