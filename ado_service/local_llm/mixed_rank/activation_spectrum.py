"""Which directions of a layer's outputs carry its energy, for the inputs that it really gets.

Activation-aware SVD in closed form (arXiv 2402.06004, section 3): of all matrices W' of rank k,
W V_k V_k^T has the least ||X W - X W'||_F, where the columns of V_k are the first k eigenvectors of
W^T (X^T X) W. Here `weight` is a linear layer's own, `d_out x d_in`, which is W^T.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration, tap
from ado_service.local_llm.mixed_rank.factorized_linear import largest_rank


@dataclass(frozen=True, slots=True)
class ActivationSpectrum:
    """Eigenvalues and eigenvectors of the second moments of a layer's outputs.

    Attributes:
        energies: `d_out`, descending, float64: what a rank loses is the sum of those past it.
        directions: `d_out x k`, the first ones, as many as a factorization can use.
    """

    energies: Tensor
    directions: Tensor

    @classmethod
    def of(cls, weight: Tensor, moments: Tensor) -> Self:
        """From a weight, `d_out x d_in`, and X^T X of its inputs, `d_in x d_in`, in float64."""
        exact = weight.to(moments)
        values, vectors = torch.linalg.eigh(exact @ moments @ exact.T)
        used = largest_rank(weight.shape[1], weight.shape[0])
        return cls(
            energies=values.flip(0).clamp_min(0.0),
            directions=vectors.flip(1)[:, :used].to(torch.float32),
        )

    def factors(self, weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
        """The best factors of a rank: `rank x d_in` and `d_out x rank`, in float64."""
        up = self.directions[:, :rank].to(torch.float64)
        return up.T @ weight.to(torch.float64), up


def second_moments(
    model: PreTrainedModel, names: Collection[str], calibration: Calibration
) -> dict[str, Tensor]:
    """X^T X of the inputs of each layer over all batches, `d_in x d_in`, float64, in call order.

    Layers that take the same tensor (queries, keys and values) share theirs.
    """
    sums: dict[str, Tensor] = {}
    for batch in calibration:
        last: Tensor | None = None
        total = torch.empty(0)
        for name, tapped in tap(model, names, batch).items():
            if last is None or tapped.inputs.data_ptr() != last.data_ptr():
                exact = tapped.inputs.to(torch.float64)
                last, total = tapped.inputs, sums.get(name, 0.0) + exact.T @ exact
            sums[name] = total
    return sums


def spectra(
    model: PreTrainedModel, layers: dict[str, nn.Linear], calibration: Calibration
) -> dict[str, ActivationSpectrum]:
    """The spectrum of each of these layers, in the order in which the model calls them."""
    moments = second_moments(model, list(layers), calibration)
    return {
        name: ActivationSpectrum.of(layers[name].weight.detach(), moment)
        for name, moment in moments.items()
    }
