"""Binary gates with a gradient of second order (ReinMax; Liu et al., NeurIPS 2023)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def reinmax(logits: Tensor, uniform: Tensor) -> Tensor:
    """Gates that are 1 with probability sigmoid(logits) and 0 otherwise, in the shape of `logits`.

    The gradient is that of Heun's method in place of the Euler step of plain straight-through:
    exact on average where the loss is quadratic in each gate. That is so at temperature 1 of the
    paper's algorithm. Below 1 the slope of a gate that is off can be negative, so that it never
    comes on again: there is no other temperature here.

    Args:
        logits: any shape.
        uniform: draws from [0, 1), of the same shape: they decide the gates.
    """
    gates: Tensor = _ReinMax.apply(logits, uniform)  # type: ignore[no-untyped-call]
    return gates


class _ReinMax(torch.autograd.Function):
    """For two categories, with logits (l, 0), the paper's algorithm 2 comes down to two slopes."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, uniform: Tensor) -> Tensor:
        gates = (uniform < torch.sigmoid(logits)).to(logits.dtype)
        ctx.save_for_backward(logits, gates)
        return gates

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        logits, gates = ctx.saved_tensors
        chance = torch.sigmoid(logits)
        middle = (gates + chance) / 2
        slope = 2 * middle * (1 - middle) - chance * (1 - chance) / 2
        return upstream * slope, None
