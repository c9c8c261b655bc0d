"""Training from nothing: the answers' cross entropy, step by step, the same for the same seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader
from transformers import LlamaForCausalLM

from ado_service.local_llm.pretrain.lessons import Lesson, Lessons
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

    rate: float = 1e-3
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
    lessons: Lessons,
    schedule: Schedule,
    *,
    device: str = "cpu",
    workers: int = 0,
    told: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Train `model` in place on all lessons; AdamW, gradients clipped at 1.

    On a GPU the forward pass is in bfloat16. Lessons are made by `workers` processes beside it and
    come in their order.
    """
    started = time.monotonic()
    torch.nn.Module.to(model, device)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), betas=_BETAS, weight_decay=_DECAY)
    loader = DataLoader(lessons, batch_size=None, num_workers=workers)
    half = torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda"))
    for step, lesson in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(step, len(lessons))
        with half:
            loss = _loss(model, lesson, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_NORM)
        optimizer.step()
        told(Progress(step + 1, float(loss.detach()), time.monotonic() - started))
    model.train(False)


def _loss(model: LlamaForCausalLM, lesson: Lesson, device: str) -> torch.Tensor:
    """Mean cross entropy of the answers' tokens; logits are made for those alone."""
    ids, labels = lesson.input_ids.to(device), lesson.labels.to(device)
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:] != IGNORED
    logits = model.lm_head(hidden[wanted]).float()
    return torch.nn.functional.cross_entropy(logits, labels[:, 1:][wanted])
