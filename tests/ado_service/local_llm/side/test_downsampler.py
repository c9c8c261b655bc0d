"""Downsamplers."""

from __future__ import annotations

import pytest
import torch

from ado_service.local_llm.side.downsampler import DownsamplerKind, make_downsampler


def make(kind: DownsamplerKind, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    return make_downsampler(kind, inputs=12, outputs=3, rank=2, dtype=dtype)


def test_pools_take_groups_of_neighbouring_channels() -> None:
    hidden = torch.arange(12.0).reshape(1, 1, 12)

    assert make(DownsamplerKind.AVERAGE_POOL)(hidden).tolist() == [[[1.5, 5.5, 9.5]]]
    assert make(DownsamplerKind.MAX_POOL)(hidden).tolist() == [[[3.0, 7.0, 11.0]]]


@pytest.mark.parametrize(
    ("kind", "count"),
    [("linear", 36), ("lora", 30), ("adapter", 30), ("max-pool", 0), ("average-pool", 0)],
)
def test_parameters(kind: str, count: int) -> None:
    parameters = make(DownsamplerKind(kind)).parameters()

    assert sum(parameter.numel() for parameter in parameters) == count


@pytest.mark.parametrize("kind", list(DownsamplerKind))
def test_only_the_adapter_is_nonlinear_among_projections(kind: DownsamplerKind) -> None:
    torch.manual_seed(0)
    down, hidden = make(kind), torch.randn(5, 12)
    linear = torch.allclose(down(2 * hidden) - down(hidden), down(hidden), atol=1e-5)
    additive = torch.allclose(down(hidden + 1), down(hidden) + down(torch.ones(5, 12)), atol=1e-5)

    assert linear == (kind is not DownsamplerKind.ADAPTER)
    assert additive == (kind is not DownsamplerKind.ADAPTER)


@pytest.mark.parametrize("kind", list(DownsamplerKind))
def test_the_result_is_of_the_side_networks_type(kind: DownsamplerKind) -> None:
    assert make(kind, torch.bfloat16)(torch.ones(1, 12)).dtype is torch.bfloat16
