"""Downsamplers: hidden states of the backbone, made as narrow as the side network.

Trainable ones keep the backbone's hidden states for their gradient; pooling keeps nothing.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn


class DownsamplerKind(StrEnum):
    """The five of the paper's ablation."""

    LINEAR = "linear"
    LORA = "lora"
    ADAPTER = "adapter"
    MAX_POOL = "max-pool"
    AVERAGE_POOL = "average-pool"


class Pool(nn.Module):
    """The largest or the mean of every group of neighbouring channels; nothing to train."""

    def __init__(self, width: int, *, largest: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.width, self.largest, self.dtype = width, largest, dtype

    def forward(self, hidden: Tensor) -> Tensor:
        """`... x d` to `... x width`."""
        groups = hidden.unflatten(-1, (self.width, -1))  # type: ignore[no-untyped-call]
        pooled = groups.amax(-1) if self.largest else groups.mean(-1)
        narrow: Tensor = pooled.to(self.dtype)
        return narrow


class Projection(nn.Module):
    """A chain of bias-free layers, computed in the type of its weights."""

    def __init__(self, *layers: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers).to(dtype)
        self.dtype = dtype

    def forward(self, hidden: Tensor) -> Tensor:
        """`... x d` to `... x width`."""
        projected: Tensor = self.layers(hidden.to(self.dtype))
        return projected


def make_downsampler(
    kind: DownsamplerKind, *, inputs: int, outputs: int, rank: int, dtype: torch.dtype
) -> nn.Module:
    """A downsampler from `inputs` to `outputs` channels; `inputs` is a multiple for pooling."""
    match kind:
        case DownsamplerKind.MAX_POOL | DownsamplerKind.AVERAGE_POOL:
            return Pool(outputs, largest=kind is DownsamplerKind.MAX_POOL, dtype=dtype)
        case DownsamplerKind.LINEAR:
            return Projection(nn.Linear(inputs, outputs, bias=False), dtype=dtype)
        case DownsamplerKind.LORA | DownsamplerKind.ADAPTER:
            between = [nn.SiLU()] if kind is DownsamplerKind.ADAPTER else []
            down = nn.Linear(inputs, rank, bias=False)
            return Projection(down, *between, nn.Linear(rank, outputs, bias=False), dtype=dtype)
