"""What is asked of a model: a prompt, and how to answer it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ANSWERS = 128
"""Of one request."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A prompt and how to answer it.

    Attributes:
        prompt: tokens, as `ChatFormat.tokens` makes them of messages.
        max_tokens: longest answer; as long as the context allows for None.
        temperature: 0 takes the likeliest token of each step.
        top_p: share of the probability, the likeliest tokens first, that is drawn from.
        seed: of the draws; two requests with the same one get the same answers. None for any.
        n: answers, each with draws of its own.
        stop: texts that end an answer, before which it is cut off.
        schema: a JSON schema that every answer fits, unless `max_tokens` cuts it off; None for
            free text.

    Raises:
        ValueError: a value is out of range.
    """

    prompt: tuple[int, ...]
    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ValueError("prompt: it is empty; give at least one token")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens: {self.max_tokens} is below 1; ask for one token or more")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature: {self.temperature} is no finite number of 0 or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is not above 0 and at most 1")
        if not 1 <= self.n <= MOST_ANSWERS:
            raise ValueError(f"n: {self.n} is not from 1 to {MOST_ANSWERS}")
        if any(not text for text in self.stop):
            raise ValueError("stop: an empty text would end every answer at once; leave it out")
