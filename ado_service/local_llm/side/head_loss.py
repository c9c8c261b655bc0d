"""Cross entropy of next tokens without ever holding the logits of a whole batch.

The head is frozen, so the gradient with respect to its input is all that is needed: it is computed
with the loss, chunk by chunk, and nothing of vocabulary size is kept or computed twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

IGNORED = -100
"""Label of a token that does not count, as everywhere in the library."""

_CHUNK_LOGITS = 2**24  # 64 MiB of float32


def next_token_loss(hidden: Tensor, labels: Tensor, head: nn.Module, vocabulary: int) -> Tensor:
    """Mean cross entropy over the labels that count; zero when none does.

    Args:
        hidden: input of the head, `batch x length x d`.
        labels: the tokens themselves, `batch x length`; `IGNORED` where they do not count.
        head: frozen map from `d` to `vocabulary` logits.
        vocabulary: number of logits, which sets the size of a chunk.
    """
    targets = labels[:, 1:]
    counted = targets != IGNORED
    chunk = max(1, _CHUNK_LOGITS // vocabulary)
    loss: Tensor = _HeadLoss.apply(hidden[:, :-1][counted], targets[counted], head, chunk)  # type: ignore[no-untyped-call]
    return loss


class _HeadLoss(torch.autograd.Function):
    """Mean loss of `tokens x d` states, with the gradient computed on the way forward."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, targets: Tensor, head: nn.Module, chunk: int) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        gradients = []
        for piece, target in zip(states.split(chunk), targets.split(chunk), strict=True):  # type: ignore[no-untyped-call]
            loss, gradient = _piece_loss(piece, target, head, wanted=ctx.needs_input_grad[0])
            total += loss
            gradients.append(gradient)
        ctx.count = max(1, len(targets))
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(torch.cat(gradients))
        mean: Tensor = total / ctx.count
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * (upstream / ctx.count), None, None, None


def _piece_loss(
    states: Tensor, targets: Tensor, head: nn.Module, *, wanted: bool
) -> tuple[Tensor, Tensor]:
    """Summed loss of a chunk and, where wanted, its gradient with respect to the states."""
    states = states.detach().requires_grad_(wanted)
    with torch.set_grad_enabled(wanted):
        loss = functional.cross_entropy(head(states).float(), targets, reduction="sum")
    gradient = torch.autograd.grad(loss, states)[0] if wanted else states
    return loss.detach(), gradient
