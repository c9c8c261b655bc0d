"""Training from nothing: the answers' cross entropy, step by step, the same for the same seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader
from transformers import DynamicCache, LlamaForCausalLM, PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.lessons import Lesson, Lessons
from ado_service.local_llm.pretrain.near_numbers import NearNumbers
from ado_service.local_llm.side.head_loss import IGNORED

_BETAS = (0.9, 0.98)
_DECAY = 0.01
_LARGEST_NORM = 1.0
_LAST = 0.02
"""Part of the learning rate that is left at the end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How fast is learned.

    Attributes:
        rate: largest learning rate.
        warm_up: steps until it is reached; from there it falls along a cosine.
    """

    rate: float = 2e-3
    warm_up: int = 100

    def at(self, step: int, steps: int) -> float:
        """The learning rate of a step, from 0."""
        rise = min(1.0, (step + 1) / self.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))
        return self.rate * rise * (fall + _LAST)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is told of a step: its number from 1, its loss (nats a token), seconds so far."""

    step: int
    loss: float
    seconds: float


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    lessons: Lessons,
    schedule: Schedule,
    *,
    device: str = "cpu",
    workers: int = 0,
    told: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Train `model` in place on all lessons.

    AdamW, gradients clipped at 1. On a GPU the forward pass is in bfloat16. Lessons are made by
    `workers` processes beside it and come in their order.
    """
    started = time.monotonic()
    torch.nn.Module.to(model, device)
    spread = NearNumbers(tokenizer).to(device)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), betas=_BETAS, weight_decay=_DECAY)
    loader = DataLoader(lessons, batch_size=None, num_workers=workers)
    half = torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda"))
    for step, lesson in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(step, len(lessons))
        with half:
            loss = lesson_loss(model, lesson, spread, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_NORM)
        optimizer.step()
        told(Progress(step + 1, float(loss.detach()), time.monotonic() - started))
    model.train(False)


def lesson_loss(
    model: LlamaForCausalLM, lesson: Lesson, spread: NearNumbers, device: str
) -> torch.Tensor:
    """Cross entropy of the answers' tokens; what the prompts share is read once for all of them."""
    rest, labels = lesson.rest.to(device), lesson.labels.to(device)
    cache = DynamicCache(config=model.config)
    model.model(input_ids=lesson.shared.to(device)[None], past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(rest))
    hidden = model.model(input_ids=rest, past_key_values=cache, use_cache=True).last_hidden_state
    after = labels[:, 1:]
    wanted = after != IGNORED
    logits = model.lm_head(hidden[:, :-1][wanted])
    loss: torch.Tensor = spread(logits, after[wanted], spread.weights(after)[wanted])
    return loss
