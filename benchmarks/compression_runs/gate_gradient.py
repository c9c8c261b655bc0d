"""How exact the gradient of binary gates is: all values enumerated, many samples beside them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ado_service.local_llm.disp.reinmax import reinmax

_BITS = 8
_PIECE = 100_000


@dataclass(frozen=True, slots=True)
class GradientErrors:
    """Norm of the mean gradient's error over the norm of the exact one."""

    reinmax: float
    straight_through: float


def gradient_errors(seed: int, samples: int) -> GradientErrors:
    """On a random convex quadratic of eight Bernoulli gates with random logits."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(_BITS, _BITS, generator=generator, dtype=torch.float64)
    centre = torch.rand(_BITS, generator=generator, dtype=torch.float64)
    logits = torch.randn(_BITS, generator=generator, dtype=torch.float64)

    def loss(gates: Tensor) -> Tensor:
        return ((gates - centre) @ root).square().sum(-1)

    point = logits.requires_grad_(True)
    every = torch.tensor(list(product([0.0, 1.0], repeat=_BITS)), dtype=torch.float64)
    chance = torch.sigmoid(point)
    weights = torch.where(every == 1, chance, 1 - chance).prod(-1)
    (exact,) = torch.autograd.grad((weights * loss(every)).sum(), point)
    sums = [torch.zeros_like(exact), torch.zeros_like(exact)]
    for _ in range(samples // _PIECE):
        uniform = torch.rand(_PIECE, _BITS, generator=generator, dtype=torch.float64)
        wide = point.expand(_PIECE, _BITS)
        for place, gates in enumerate((reinmax(wide, uniform), _straight(wide, uniform))):
            (slope,) = torch.autograd.grad(loss(gates).mean(), point)
            sums[place] += slope / (samples // _PIECE)
    errors = [float((one - exact).norm() / exact.norm()) for one in sums]
    return GradientErrors(*errors)


def _straight(logits: Tensor, uniform: Tensor) -> Tensor:
    """Plain straight-through (Bengio et al., 2013)."""
    chance = torch.sigmoid(logits)
    return (uniform < chance).to(logits.dtype) + chance - chance.detach()
