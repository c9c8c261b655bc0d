"""Steps of training on batches of answers, the same for every method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from benchmarks.local_llm_runs.sizing_data import Batch
from benchmarks.local_llm_runs.tunee import Tunee

_LARGEST_NORM = 1.0
_WARM_UP = 0.05
_LAST = 0.1
"""Part of the learning rate that is left at the end."""


def learn(made: Tunee, lessons: Sequence[Batch], *, rate: float, scalars: float = 1.0) -> None:
    """One step of AdamW a batch; a warm-up, then down along a line.

    Args:
        made: what is trained.
        lessons: its batches, in their order.
        rate: largest learning rate.
        scalars: how many times it is for single numbers: the gates and the mix of QST move from 0
            and 1 by as much as their rate in a step, and are to move within few steps.
    """
    optimizer = torch.optim.AdamW(_groups(made.trainable, rate, scalars), weight_decay=0.0)
    rises = max(1, math.ceil(_WARM_UP * len(lessons)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rises, 1 - (1 - _LAST) * step / len(lessons))
    )
    for batch in lessons:
        loss = made.loss(batch.ids, batch.labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(made.trainable, _LARGEST_NORM)
        optimizer.step()
        schedule.step()


def answer_loss(made: Tunee, held: Sequence[Batch]) -> float:
    """Mean cross entropy of the answers' tokens, nats a token."""
    with torch.no_grad():
        sums = [float(made.loss(one.ids, one.labels)) * one.answers for one in held]
    return sum(sums) / sum(one.answers for one in held)


def _groups(
    trainable: Sequence[nn.Parameter], rate: float, scalars: float
) -> list[dict[str, object]]:
    single = [one for one in trainable if one.ndim == 0]
    others = [one for one in trainable if one.ndim > 0]
    groups: list[dict[str, object]] = [{"params": others, "lr": rate}]
    return [*groups, {"params": single, "lr": rate * scalars}] if single else groups
