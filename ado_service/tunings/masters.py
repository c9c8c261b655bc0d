"""Float32 copies of narrow weights: a step of training is less than bfloat16 can tell apart."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Masters:
    """The weights that the optimizer works on; those in float32 are their own masters.

    Args:
        trained: the model's parameters by name.
    """

    def __init__(self, trained: Mapping[str, nn.Parameter]) -> None:
        self._trained = dict(trained)
        self.weights = {name: _master(one) for name, one in self._trained.items()}

    def take_gradients(self) -> None:
        """Hand the gradients of the model over to the masters."""
        for name, parameter in self._trained.items():
            master = self.weights[name]
            if master is not parameter and parameter.grad is not None:
                master.grad = parameter.grad.to(torch.float32)
                parameter.grad = None

    @torch.no_grad()
    def write_back(self) -> None:
        """Round the masters into the model."""
        for name, parameter in self._trained.items():
            if self.weights[name] is not parameter:
                parameter.copy_(self.weights[name])

    @torch.no_grad()
    def load(self, name: str, weight: Tensor) -> None:
        """Go on with this one, of the same shape, as soon as it is written back."""
        self.weights[name].copy_(weight)


def _master(parameter: nn.Parameter) -> nn.Parameter:
    if parameter.dtype == torch.float32:
        return parameter
    return nn.Parameter(parameter.detach().to(torch.float32))
