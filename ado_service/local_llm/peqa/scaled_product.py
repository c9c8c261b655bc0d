"""Products with integer weights whose gradient is of input and scales, and never of the weights.

With Y = X What^T and What = s Wbar, the gradient of a scale is the sum over tokens t of
G[t, o] (Wbar x_t)[o], with the inputs of the scale's group alone (arXiv 2305.14152, section 3).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Integers(Protocol):
    """A layer that can say what its integers are."""

    def integers(self) -> Tensor:
        """`outputs x groups x inputs of a group`, float32."""


def scaled_product(X: Tensor, scales: Tensor, layer: Integers) -> Tensor:
    """X What^T: `... x inputs` to `... x outputs`, in the type of X.

    Args:
        X: input.
        scales: float32, `outputs x groups`.
        layer: has the integers.
    """
    # Sums of integers times activations may leave the range of float16.
    by_channel = scales.shape[1] == 1 and X.dtype != torch.float16
    product = _ByChannel if by_channel else _ByGroup
    Y: Tensor = product.apply(X, scales, layer)  # type: ignore[no-untyped-call]
    return Y


class _ByChannel(torch.autograd.Function):
    """Scales the product: what the gradient of the scales needs is there before they are."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, scales: Tensor, layer: Integers) -> Tensor:
        raw = functional.linear(X, layer.integers().flatten(1).to(X.dtype))
        ctx.layer = layer
        ctx.save_for_backward(raw if ctx.needs_input_grad[1] else None, scales)
        return (raw * scales.squeeze(1)).to(X.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        raw, scales = ctx.saved_tensors
        of_input = of_scales = None
        if ctx.needs_input_grad[0]:
            weights = ctx.layer.integers().flatten(1).to(G.dtype)
            of_input = (G * scales.squeeze(1)).to(G.dtype) @ weights
        if ctx.needs_input_grad[1]:
            of_scales = (G.float() * raw).flatten(0, -2).sum(0)[:, None]
        return of_input, of_scales, None


class _ByGroup(torch.autograd.Function):
    """Scales the weights; in the backward pass one group after the other is multiplied again."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, scales: Tensor, layer: Integers) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(X if ctx.needs_input_grad[1] else None, scales)
        return functional.linear(X, _weights(layer, scales, X.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        X, scales = ctx.saved_tensors
        of_input = of_scales = None
        if ctx.needs_input_grad[0]:
            of_input = G @ _weights(ctx.layer, scales, G.dtype)
        if ctx.needs_input_grad[1]:
            of_scales = _of_groups(X.flatten(0, -2), G.flatten(0, -2), ctx.layer.integers())
        return of_input, of_scales, None


def _weights(layer: Integers, scales: Tensor, dtype: torch.dtype) -> Tensor:
    return layer.integers().mul_(scales[..., None]).flatten(1).to(dtype)


def _of_groups(X: Tensor, G: Tensor, integers: Tensor) -> Tensor:
    """`outputs x groups`, of `tokens x inputs` and `tokens x outputs`."""
    width = integers.shape[-1]
    columns = [
        (G.float() * (X[:, start : start + width] @ group.to(X.dtype).T)).sum(0)
        for start, group in zip(range(0, X.shape[1], width), integers.unbind(1), strict=True)
    ]
    return torch.stack(columns, 1)
