"""What one step of training sees: examples as tokens, with the answers marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.example import Example, examples
from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.side.head_loss import IGNORED


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch: examples on one dressing of a circuit, whose prompts begin with the same tokens.

    Attributes:
        shared: `p` tokens that all examples begin with.
        rest: `b x t` tokens that follow them, padded on the right, where no token before looks.
        labels: `b x t`, the answers' tokens; `IGNORED` elsewhere.
    """

    shared: torch.Tensor
    rest: torch.Tensor
    labels: torch.Tensor


class Lessons(Dataset[Lesson]):
    """The batch of each step, a pure function of (harvests, seed, step).

    Args:
        harvests: what examples are made of; each has the same chance.
        tokenizer: makes tokens of them.
        seed: of the training.
        steps: how many there are.
        size: examples of a batch.
        context: longest example, tokens; longer ones are left out.
        bare: how many steps come first in which the specs are all that is read and said. Among
            40 tokens a network soon finds the number that it is to say again; among 200 it had
            not after 780 steps, but who has learned it among few does it among many (a curriculum:
            Bengio et al., ICML 2009).
    """

    def __init__(
        self,
        harvests: Sequence[Harvest],
        tokenizer: PreTrainedTokenizerFast,
        *,
        seed: int,
        steps: int,
        size: int,
        context: int,
        bare: int = 0,
    ) -> None:
        self._harvests = harvests
        self._tokenizer = tokenizer
        self._seed = seed
        self._steps = steps
        self._size = size
        self._context = context
        self._bare = bare

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Lesson:
        """The batch of a step.

        Raises:
            IndexError: there is no such step.
        """
        if not 0 <= step < self._steps:
            raise IndexError(step)
        rng = np.random.default_rng([self._seed, step])
        rows: list[tuple[list[int], list[int]]] = []
        while not rows:
            harvest = self._harvests[int(rng.integers(len(self._harvests)))]
            found = examples(harvest, int(rng.integers(2**62)), self._size)
            shown = (one.bare for one in found) if step < self._bare else found
            drawn = [encoded(one, self._tokenizer) for one in shown]
            rows = [row for row in drawn if len(row[0]) <= self._context]
        return _lesson(rows, int(self._tokenizer.pad_token_id))


def encoded(example: Example, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Tokens of an example, and its labels: those of the answer, `IGNORED` elsewhere."""
    messages = [
        {"role": "system", "content": example.system},
        {"role": "user", "content": example.prompt},
    ]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    if example.whole:
        answer = [*answer, tokenizer.eos_token_id]
    return [*before, *answer], [IGNORED] * len(before) + answer


def _lesson(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> Lesson:
    shared = _alike(rows)
    longest = max(len(ids) for ids, _ in rows)
    rest = [[*ids, *[pad] * (longest - len(ids))][shared:] for ids, _ in rows]
    labels = [[*row, *[IGNORED] * (longest - len(row))][shared:] for _, row in rows]
    return Lesson(torch.tensor(rows[0][0][:shared]), torch.tensor(rest), torch.tensor(labels))


def _alike(rows: Sequence[tuple[list[int], list[int]]]) -> int:
    """How many tokens all rows begin with, the last one before an answer left out."""
    prompts = min(row.count(IGNORED) for _, row in rows) - 1
    columns = zip(*(ids[:prompts] for ids, _ in rows), strict=True)
    return next((place for place, seen in enumerate(columns) if len(set(seen)) > 1), prompts)
