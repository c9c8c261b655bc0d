"""Codes of 2, 3 and 4 bits in bytes, without gaps between them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_WORDS = {2: (4, 1), 3: (8, 3), 4: (2, 1)}
"""By bits: codes in a word, and bytes of it. The first code is in the lowest bits."""
_PIECES = {2: (4, 1), 3: (2, 4), 4: (2, 1)}
"""By bits: codes in a piece, which is looked up at once, and pieces in a word."""


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` codes take."""
    codes, size = _WORDS[bits]
    return -(-count // codes) * size


def pack(codes: Tensor, bits: int) -> Tensor:
    """Pack codes below 2^bits (`count`, any integer type) into bytes (uint8, one dimension)."""
    per_word, size = _WORDS[bits]
    whole = functional.pad(codes.int(), (0, -len(codes) % per_word)).view(-1, per_word)
    words = (whole << _steps(bits, per_word, codes.device)).sum(1, dtype=torch.int32)
    packed: Tensor = (words[:, None] >> _steps(8, size, codes.device)) & 255
    return packed.to(torch.uint8).flatten()


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` codes that were packed, uint8."""
    per_word, _ = _WORDS[bits]
    words = _words(packed, bits)[:, None]
    codes: Tensor = words >> _steps(bits, per_word, packed.device) & (2**bits - 1)
    return codes.to(torch.uint8).flatten()[:count]


def look_up(packed: Tensor, bits: int, levels: Tensor, count: int) -> Tensor:
    """The levels (float32, 2^bits of them) of the first `count` codes, in a new tensor.

    Several codes are looked up at once, which is some five times faster than one by one.
    """
    per_piece, pieces = _PIECES[bits]
    places = packed.int() if pieces == 1 else _pieces(packed, bits)
    # Pairs of float32 are moved as one int64: nothing is computed with them.
    table = _table(levels, per_piece).view(torch.int64).squeeze(1)
    return table.index_select(0, places).view(torch.float32).flatten()[:count]


def _table(levels: Tensor, per_piece: int) -> Tensor:
    """Levels of all the codes in a piece, for each value of it: `pieces x codes`."""
    grid = torch.cartesian_prod(*[levels] * per_piece)
    return grid.flip(1).contiguous()  # the first code changes fastest


def _pieces(packed: Tensor, bits: int) -> Tensor:
    per_piece, pieces = _PIECES[bits]
    width = bits * per_piece
    words = _words(packed, bits)[:, None]
    found: Tensor = words >> _steps(width, pieces, packed.device) & (2**width - 1)
    return found.flatten()


def _words(packed: Tensor, bits: int) -> Tensor:
    """Words of at most 24 bits, int32."""
    _, size = _WORDS[bits]
    parts = packed.view(-1, size).int()
    return (parts << _steps(8, size, packed.device)).sum(1, dtype=torch.int32)


def _steps(bits: int, count: int, device: torch.device) -> Tensor:
    return torch.arange(0, bits * count, bits, dtype=torch.int32, device=device)
