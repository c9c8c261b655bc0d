"""One answer under way."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Self

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from ado_service.local_llm.constraint import Constraint
from ado_service.local_llm.generation_error import NonFiniteLogits
from ado_service.local_llm.generation_event import FinishReason
from ado_service.local_llm.sampling import Logits, Sampler
from ado_service.local_llm.stop_text import StopText


class Vocabulary(NamedTuple):
    """The tokens of a model.

    Attributes:
        tokenizer: gives their text.
        end_tokens: those that end an answer.
        size: how many the tokenizer knows; a model may have logits for more.
    """

    tokenizer: Tokenizer
    end_tokens: Collection[int]
    size: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, end_tokens: Collection[int]) -> Self:
        """The vocabulary of a tokenizer."""
        return cls(tokenizer, end_tokens, max(tokenizer.get_vocab().values()) + 1)


class Step(NamedTuple):
    """What one more token brought: text that is sure by now, and why the answer ended, if so."""

    text: str
    reason: FinishReason | None


class Draft:
    """One answer: its draws, its grammar, its text.

    Args:
        vocabulary: of the model.
        sampler: draws the tokens.
        constraint: of this answer alone; None for free text.
        stop_text: looks for what ends it.
        room: the most tokens that it may have, at least 1.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        sampler: Sampler,
        constraint: Constraint | None,
        stop_text: StopText,
        room: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._sampler = sampler
        self._constraint = constraint
        self._stop_text = stop_text
        self._room = room
        self._decode = DecodeStream(skip_special_tokens=True)
        self.tokens = 0
        self.last_token = -1

    def advance(self, logits: Logits) -> Step:
        """Take the next token.

        Args:
            logits: of the next token, shape `V`.

        Raises:
            NonFiniteLogits: the model computed no numbers.
            ConstraintBroken: the grammar cannot go on.
        """
        self.last_token = self._sampler.draw(self._allowed(logits))
        self.tokens += 1
        if self.last_token in self._vocabulary.end_tokens:
            return Step(self._stop_text.rest(), FinishReason.STOP)
        if self._constraint is not None:
            self._constraint.accept(self.last_token)
        new = self._decode.step(self._vocabulary.tokenizer, self.last_token) or ""
        text, stopped = self._stop_text.push(new)
        if stopped:
            return Step(text, FinishReason.STOP)
        reason = self._ended()
        return Step(text if reason is None else text + self._stop_text.rest(), reason)

    def _allowed(self, logits: Logits) -> Logits:
        if not np.isfinite(logits).all():
            raise NonFiniteLogits(
                "the model gave logits that are no numbers; load it in a wider floating-point "
                "type, or look whether its weights are whole"
            )
        if self._constraint is not None:
            return self._constraint.masked(logits)
        return logits[: self._vocabulary.size]

    def _ended(self) -> FinishReason | None:
        if self._constraint is not None and self._constraint.complete:
            return FinishReason.STOP
        return FinishReason.LENGTH if self.tokens >= self._room else None
