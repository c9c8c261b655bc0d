"""Codes in bytes: none is lost, and none takes more room than its bits."""

from __future__ import annotations

import pytest
import torch

from ado_service.local_llm.quant.packing import look_up, pack, packed_bytes, unpack

BITS = (2, 3, 4)


def drawn(bits: int, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(2**bits, (count,), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 64, 1000])
def test_what_was_packed_comes_back(bits: int, count: int) -> None:
    codes = drawn(bits, count)
    packed = pack(codes, bits)

    assert packed.dtype == torch.uint8
    assert torch.equal(unpack(packed, bits, count), codes)
    assert len(packed) == packed_bytes(count, bits)


@pytest.mark.parametrize("bits", BITS)
def test_codes_take_their_bits_and_no_more(bits: int) -> None:
    assert pack(drawn(bits, 8000), bits).nbytes == 1000 * bits


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("count", [1, 9, 1000])
def test_levels_are_those_of_the_codes(bits: int, count: int) -> None:
    codes = drawn(bits, count)
    levels = torch.randn(2**bits, generator=torch.Generator().manual_seed(1))

    assert torch.equal(look_up(pack(codes, bits), bits, levels, count), levels[codes.long()])


def test_not_a_number_among_levels_is_moved_as_it_is() -> None:
    levels = torch.tensor([-1.0, torch.nan, torch.inf, 1.0])

    found = look_up(pack(torch.arange(4), 2), 2, levels, 4)

    assert torch.equal(found.view(torch.int32), levels.view(torch.int32))
