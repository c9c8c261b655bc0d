"""What one step of training sees: questions and answers as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.chat_format import ChatFormat
from ado_service.local_llm.side.head_loss import IGNORED
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.errors import TuningFailed
from ado_service.tunings.question import Question

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = tuple[list[int], list[int]]
"""Tokens of an example, and its labels: those of the answer, `IGNORED` elsewhere."""
_ATTEMPTS = 20
"""Questions that are drawn until one fits into the model's context."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch.

    Attributes:
        input_ids: `b x t` tokens, padded on the right.
        attention_mask: `b x t`, 1 where a token counts.
        labels: `b x t`, the answers' tokens; `IGNORED` elsewhere.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], pad: int, device: torch.device) -> Self:
        """The batch of these examples."""
        longest = max(len(ids) for ids, _ in rows)
        missing = [longest - len(ids) for ids, _ in rows]
        padded = list(zip(rows, missing, strict=True))
        return cls(
            torch.tensor([[*ids, *[pad] * short] for (ids, _), short in padded], device=device),
            torch.tensor(
                [[1] * (longest - short) + [0] * short for short in missing], device=device
            ),
            torch.tensor([[*row, *[IGNORED] * short] for (_, row), short in padded], device=device),
        )


class Reader:
    """Turns questions into lessons for one model: the very tokens that its engine would see.

    Args:
        backbone: has the tokenizer, the context and the device.

    Attributes:
        context: longest prompt plus answer, tokens.
        tokenizer: of the model.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.context = backbone.context
        self._device = backbone.device
        self.tokenizer: PreTrainedTokenizerBase = backbone.tokenizer
        self._chat = ChatFormat(backbone.tokenizer)

    def row(self, question: Question) -> Row:
        """An example as tokens, the end of the text behind its answer."""
        before = list(self._chat.tokens(question.messages))
        answer = self.answer(question)
        return [*before, *answer], [IGNORED] * len(before) + answer

    def prompt(self, question: Question) -> tuple[int, ...]:
        """The question alone, as tokens."""
        return self._chat.tokens(question.messages)

    def answer(self, question: Question) -> list[int]:
        """The answer alone, as tokens."""
        ids = self.tokenizer(question.answer, add_special_tokens=False)["input_ids"]
        return [*ids, int(self.tokenizer.eos_token_id)]

    def fits(self, row: Row) -> bool:
        """Whether an example is no longer than the model's context."""
        return len(row[0]) <= self.context

    def training(self, data: DataSet, step: int, batch: int) -> Lesson:
        """The lesson of a step, a pure function of the data and the step.

        Raises:
            TuningFailed: the examples are longer than the model's context.
        """
        return self.lesson([self._training_row(data, step, place) for place in range(batch)])

    def lesson(self, rows: Sequence[Row]) -> Lesson:
        """The batch of these examples."""
        return Lesson.of(rows, int(self.tokenizer.pad_token_id), self._device)

    def _training_row(self, data: DataSet, step: int, place: int) -> Row:
        shortest = 0
        for attempt in range(_ATTEMPTS):
            row = self.row(data.question(step, place, attempt))
            if self.fits(row):
                return row
            shortest = min(shortest or len(row[0]), len(row[0]))
        raise TuningFailed(
            f"the examples are longer than the model's context of {self.context} tokens (the "
            f"shortest of {_ATTEMPTS} has {shortest}); take a model with a longer context"
        )
