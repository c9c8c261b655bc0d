"""Rounding to integers, and products whose gradient is of the scales."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.peqa.integer_matrix import IntegerMatrix, round_to_nearest
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.packing import unpack

ALL = [PEQASettings(bits, group) for bits in (4, 3) for group in (None, 16)]
SHAPE = (24, 48)


def gaussian(outputs: int = SHAPE[0], inputs: int = SHAPE[1], seed: int = 0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed))


def error(M: Tensor, settings: PEQASettings) -> float:
    found = round_to_nearest(M, settings).decode(torch.float32)
    return ((found - M).norm() / M.norm()).item()


def whole_range(M: Tensor, bits: int) -> Tensor:
    """The formula of the paper with the scale of the whole range of each channel."""
    top = 2**bits - 1
    low, high = M.amin(1, keepdim=True).clamp(max=0), M.amax(1, keepdim=True).clamp(min=0)
    s = (high - low) / top
    z = (-low / s).round()
    return s * (((M / s).round() + z).clamp(0, top) - z)


@pytest.mark.parametrize("settings", ALL)
def test_integers_are_those_of_the_formula(settings: PEQASettings) -> None:
    M = gaussian() + 0.3
    made = round_to_nearest(M, settings)
    groups = settings.groups(SHAPE[1])
    s, z = made.scales[..., None], made.zeros[..., None].float()
    W = M.view(SHAPE[0], groups, -1)  # noqa: N806
    expected = ((W / s).round() + z).clamp(0, 2**settings.bits - 1) - z

    assert torch.equal(made.integers(), expected)
    assert made.scales.shape == (SHAPE[0], groups)
    assert torch.equal(made.decode(torch.float32), (expected * s).view(SHAPE))


@pytest.mark.parametrize("bits", [4, 3])
def test_no_channel_is_worse_than_by_its_whole_range(bits: int) -> None:
    M = gaussian(64, 256)
    ours = (round_to_nearest(M, PEQASettings(bits)).decode(torch.float32) - M).norm(dim=1)
    plain = (whole_range(M, bits) - M).norm(dim=1)

    assert (ours <= plain * (1 + 1e-6)).all()
    assert ours.mean() < 0.97 * plain.mean()


def test_more_bits_and_smaller_groups_are_nearer() -> None:
    M = gaussian(64, 256)
    errors = [error(M, one) for one in (PEQASettings(4, 32), PEQASettings(4), PEQASettings(3))]

    assert errors == sorted(errors)
    assert errors[1] < 0.13
    assert errors[2] < 0.25


def test_zero_stays_zero_and_constants_are_no_trouble() -> None:
    M = gaussian()
    M[:, ::3] = 0
    assert not round_to_nearest(M, PEQASettings(3)).decode(torch.float32)[:, ::3].any()
    for value in (0.0, 0.25, -0.25):
        constant = torch.full((2, 8), value)
        found = round_to_nearest(constant, PEQASettings(4)).decode(torch.float32)
        torch.testing.assert_close(found, constant, rtol=1e-6, atol=0)


@pytest.mark.parametrize("settings", ALL)
def test_what_is_stored_takes_the_bits_that_it_says(settings: PEQASettings) -> None:
    made = round_to_nearest(gaussian(), settings)
    count, scales = SHAPE[0] * SHAPE[1], SHAPE[0] * settings.groups(SHAPE[1])

    assert made.codes.nbytes == count * settings.bits // 8
    assert made.nbytes == count * settings.bits // 8 + scales * (1 + 4)
    assert unpack(made.codes, settings.bits, count).max() < 2**settings.bits


def test_rounding_does_not_depend_on_the_number_of_threads() -> None:
    M, before = gaussian(512, 512), torch.get_num_threads()
    found: list[IntegerMatrix] = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(round_to_nearest(M, PEQASettings(4)))
    finally:
        torch.set_num_threads(before)

    assert torch.equal(found[0].codes, found[1].codes)
    assert torch.equal(found[0].scales, found[1].scales)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"PEQA with {bits} bits .* use 4 or 3"):
        PEQASettings(bits)


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="groups of 20 do not divide 48 inputs"):
        round_to_nearest(gaussian(), PEQASettings(4, 20))
    with pytest.raises(UnsupportedModelError, match="group of 0 inputs"):
        PEQASettings(4, 0)
