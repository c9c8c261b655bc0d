"""What all linear layers with quantized weights have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn


class QuantizedLinear(nn.Module):
    """A frozen linear layer that has its weights in another form.

    It is no `nn.Linear` and has no `weight`: a library that changed that, as peft does where it
    merges, would change a copy, and all would be lost without a word. Scales stay in float32 when
    a model is converted to a narrower type.
    """

    bias: nn.Parameter | None

    def __init__(self, shape: tuple[int, int], bias: Tensor | None) -> None:
        """Take over the bias of a layer of `shape`, which is outputs and inputs."""
        super().__init__()
        self.out_features, self.in_features = shape
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    @abstractmethod
    def decoded(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are computed with, `outputs x inputs`."""

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"in_features={self.in_features}, out_features={self.out_features}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """As everywhere in torch, except that numbers keep their type."""
        super()._apply(lambda tensor: _placed(tensor, fn(tensor)), recurse)  # type: ignore[no-untyped-call]
        return self


def _placed(tensor: Tensor, moved: Tensor) -> Tensor:
    return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)
