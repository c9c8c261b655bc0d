"""A linear layer as the product of two thin ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ado_service.local_llm.transformer_blocks import CompressedModule


def largest_rank(inputs: int, outputs: int) -> int:
    """The largest rank at which two factors hold fewer weights than the whole matrix; 0 for none.

    A rank k takes k (inputs + outputs) weights, the matrix inputs x outputs.
    """
    return (inputs * outputs - 1) // (inputs + outputs)


class FactorizedLinear(CompressedModule):
    """`y = up(down(x))`: `d_in -> rank -> d_out`, with the bias of the layer it stands for."""

    def __init__(
        self, inputs: int, outputs: int, rank: int, *, bias: bool,
        dtype: torch.dtype | None = None, device: torch.device | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.down = nn.Linear(inputs, rank, bias=False, dtype=dtype, device=device)
        self.up = nn.Linear(rank, outputs, bias=bias, dtype=dtype, device=device)

    @classmethod
    def like(cls, linear: nn.Linear, rank: int) -> FactorizedLinear:
        """One of a layer's shape, type and device, with weights still to be filled in."""
        return cls(
            linear.in_features,
            linear.out_features,
            rank,
            bias=linear.bias is not None,
            dtype=linear.weight.dtype,
            device=linear.weight.device,
        )

    @property
    def rank(self) -> int:
        """Width between the two factors."""
        return self.down.out_features

    def forward(self, inputs: Tensor) -> Tensor:
        """`... x d_in` to `... x d_out`."""
        outputs: Tensor = self.up(self.down(inputs))
        return outputs

    @torch.no_grad()
    def fill(self, down: Tensor, up: Tensor, bias: Tensor | None) -> None:
        """Set the factors, `rank x d_in` and `d_out x rank`, and the bias."""
        self.down.weight.copy_(down)
        self.up.weight.copy_(up)
        if bias is not None:
            self.up.bias.copy_(bias)


def factorize(model: nn.Module, name: str, rank: int) -> FactorizedLinear:
    """Put a factorized layer, still unfilled, in place of a linear one of the model."""
    parent, _, child = name.rpartition(".")
    linear = model.get_submodule(name)
    assert isinstance(linear, nn.Linear)
    made = FactorizedLinear.like(linear, rank)
    setattr(model.get_submodule(parent), child, made)
    return made
