"""Which code a weight gets, and with which scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ado_service.local_llm.quant.code_book import Scaling

_SIGMAS = 2.0
_STARTS = (1.0, 0.9, 0.8, 0.7, 0.55)
"""Parts of a block's largest weight that a fitted scale is looked for from, with either sign:
levels are not symmetric, and a block may suit them better upside down."""


def round_blocks(
    weights: Tensor, levels: Tensor, block: int, scaling: Scaling
) -> tuple[Tensor, Tensor]:
    """Codes (uint8, `count`) and scales (`blocks`) of weights in blocks; the last may be short."""
    count = len(weights)
    blocks = functional.pad(weights, (0, -count % block)).view(-1, block)
    widest = blocks.abs().amax(1)
    if scaling is Scaling.ABSMAX:
        codes, scales = _nearest(_divided(blocks, widest), levels), widest
    else:
        codes, scales = _fitted(blocks, widest, levels)
    return codes.flatten()[:count], scales


def round_rows(M: Tensor, levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (uint8, `outputs * inputs`), scales and offsets (`outputs` each) of uniform levels.

    Weights beyond two standard deviations of their row get the outermost levels.
    """
    offsets = M.mean(1)
    scales = _SIGMAS * M.std(1, correction=0)
    return _nearest(_divided(M - offsets[:, None], scales), levels).flatten(), scales, offsets


def _fitted(blocks: Tensor, widest: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """From each start the nearest codes, then the best scale for these; the best start wins."""
    best_codes = torch.zeros_like(blocks, dtype=torch.uint8)
    best_scales = torch.zeros_like(widest)
    least = torch.full_like(widest, torch.inf)
    for start in (*_STARTS, *(-start for start in _STARTS)):
        codes = _nearest(_divided(blocks, start * widest), levels)
        rounded = levels.index_select(0, codes.flatten().int()).view_as(blocks)
        scales = _divided((rounded * blocks).sum(1), rounded.square().sum(1))
        errors = (rounded * scales[:, None] - blocks).square().sum(1)
        better = errors < least
        least = torch.where(better, errors, least)
        best_scales = torch.where(better, scales, best_scales)
        best_codes = torch.where(better[:, None], codes, best_codes)
    return best_codes, best_scales


def _nearest(values: Tensor, levels: Tensor) -> Tensor:
    between = (levels[1:] + levels[:-1]) / 2
    return torch.bucketize(values.contiguous(), between, out_int32=True).to(torch.uint8)


def _divided(values: Tensor, scales: Tensor) -> Tensor:
    """Values over the scale of their row; a scale of zero has nothing but zeros to scale."""
    safe = torch.where(scales == 0, 1.0, scales)
    return values / (safe[:, None] if values.ndim > scales.ndim else safe)
