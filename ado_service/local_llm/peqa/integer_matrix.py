"""A weight matrix of small integers, with a scale for each output channel or group of inputs.

Asymmetric round-to-nearest (PEQA, arXiv 2305.14152, equation 1): with q = clamp(round(W / s) + z,
0, 2^b - 1), the integers are q - z and the weights s (q - z).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.packing import look_up, pack

_SHRINKS = tuple(1 - 0.05 * step for step in range(11))
"""Parts of the range from the least to the greatest weight that are tried; what lies outside is
clipped. The paper chooses scales by the least squared error too."""


@dataclass(frozen=True)
class IntegerMatrix:
    """What is stored of a matrix of `outputs x inputs` weights.

    Attributes:
        bits: of q.
        shape: outputs, inputs.
        codes: q, packed, uint8; row after row.
        zeros: z, uint8, `outputs x groups`.
        scales: s, float32, `outputs x groups`.
    """

    bits: int
    shape: tuple[int, int]
    codes: Tensor
    zeros: Tensor
    scales: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of all three."""
        return self.codes.nbytes + self.zeros.nbytes + self.scales.nbytes

    def integers(self) -> Tensor:
        """Integers q - z as float32, `outputs x groups x inputs of a group`."""
        return integers(self.codes, self.zeros, self.bits, self.shape)

    def decode(self, dtype: torch.dtype) -> Tensor:
        """The weights, `outputs x inputs`."""
        return (self.integers() * self.scales[..., None]).view(self.shape).to(dtype)


def integers(codes: Tensor, zeros: Tensor, bits: int, shape: tuple[int, int]) -> Tensor:
    """Integers q - z as float32, `outputs x groups x inputs of a group`, in a new tensor."""
    levels = torch.arange(2**bits, dtype=torch.float32, device=codes.device)
    found = look_up(codes, bits, levels, math.prod(shape))
    return found.view(*zeros.shape, -1).sub_(zeros[..., None])


def round_to_nearest(M: Tensor, settings: PEQASettings) -> IntegerMatrix:
    """Round finite weights, `outputs x inputs`, the same on every machine.

    Of several ranges each group gets the one with the least squared error. Zero stays zero.

    Raises:
        UnsupportedModelError: the inputs are not a whole number of groups.
    """
    outputs, inputs = M.shape
    groups = M.detach().float().reshape(outputs, settings.groups(inputs), -1)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    least = torch.full(low.shape, torch.inf, dtype=torch.float64, device=M.device)
    codes, zeros, scales = torch.zeros_like(groups), torch.zeros_like(low), torch.ones_like(low)
    for shrink in _SHRINKS:
        q, z, s = _rounded(groups, low * shrink, high * shrink, settings.bits)
        # Sums in float64, so that their order, which differs by machine, decides nothing.
        errors = ((q - z[..., None]) * s[..., None] - groups).double().square().sum(-1)
        better = errors < least
        least = torch.where(better, errors, least)
        zeros, scales = torch.where(better, z, zeros), torch.where(better, s, scales)
        codes = torch.where(better[..., None], q, codes)
    packed = pack(codes.flatten(), settings.bits)
    return IntegerMatrix(settings.bits, (outputs, inputs), packed, zeros.to(torch.uint8), scales)


def _rounded(groups: Tensor, low: Tensor, high: Tensor, bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """Whole numbers q (as `groups`) and z, and s (`outputs x groups` both), all float32."""
    top = 2**bits - 1
    scales = (high - low) / top
    scales = torch.where(scales == 0, 1.0, scales)  # nothing but zeros to scale
    zeros = (-low / scales).round().clamp(0, top)
    codes = ((groups / scales[..., None]).round() + zeros[..., None]).clamp(0, top)
    return codes, zeros, scales
