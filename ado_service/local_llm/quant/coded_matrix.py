"""A weight matrix as packed codes and scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from ado_service.local_llm.quant.code_book import BLOCK, CodeBook, Scaling
from ado_service.local_llm.quant.packing import look_up, pack, packed_bytes
from ado_service.local_llm.quant.rounding import round_blocks, round_rows


@dataclass(frozen=True)
class CodedMatrix:
    """What is stored of a matrix of `outputs x inputs` weights.

    A weight is `levels[code] * scale + offset`.

    Attributes:
        book: names levels and bits.
        shape: outputs, inputs.
        codes: packed, uint8; row after row.
        scales: float32, one for each block of 64 weights, or for each output.
        offsets: float32, one for each output; None where there are blocks.
        levels: those of the book, float32.
    """

    book: CodeBook
    shape: tuple[int, int]
    codes: Tensor
    scales: Tensor
    offsets: Tensor | None
    levels: Tensor

    @classmethod
    def of_parts(
        cls,
        book: CodeBook,
        shape: tuple[int, int],
        codes: Tensor,
        scales: Tensor,
        offsets: Tensor | None,
    ) -> Self:
        """A matrix of what was stored of it.

        Raises:
            ValueError: a part is missing, or its size does not suit the shape.
        """
        count = math.prod(shape)
        groups = -(-count // BLOCK) if book.in_blocks else shape[0]
        suits = (
            codes.shape == (packed_bytes(count, book.bits),)
            and scales.shape == (groups,)
            and (offsets is None) == book.in_blocks
            and (offsets is None or offsets.shape == (groups,))
        )
        if not suits:
            raise ValueError(
                f"{len(codes)} bytes of codes and {len(scales)} scales are not those of "
                f"{shape[0]} x {shape[1]} weights in {book.value}"
            )
        return cls(book, shape, codes, scales, offsets, torch.tensor(book.levels))

    @property
    def nbytes(self) -> int:
        """Bytes of codes, scales and offsets."""
        offsets = 0 if self.offsets is None else self.offsets.nbytes
        return self.codes.nbytes + self.scales.nbytes + offsets

    def decode(self, dtype: torch.dtype) -> Tensor:
        """The weights, `outputs x inputs`; computed in float32, then rounded to `dtype`."""
        count = math.prod(self.shape)
        values = look_up(self.codes, self.book.bits, self.levels, count)
        if self.offsets is None:
            blocks = functional.pad(values, (0, -count % BLOCK)).view(-1, BLOCK)
            blocks.mul_(self.scales[:, None])
            return blocks.flatten()[:count].view(self.shape).to(dtype)
        rows = values.view(self.shape).mul_(self.scales[:, None])
        return rows.add_(self.offsets[:, None]).to(dtype)


def encode(M: Tensor, book: CodeBook, scaling: Scaling = Scaling.ABSMAX) -> CodedMatrix:
    """Round a matrix to the levels of a book.

    Args:
        M: weights, `outputs x inputs`, finite.
        book: what they are rounded to.
        scaling: of blocks; uniform levels are scaled by two standard deviations.
    """
    M = M.detach().float()
    levels = torch.tensor(book.levels, device=M.device)
    offsets = None
    if book.in_blocks:
        codes, scales = round_blocks(M.flatten(), levels, BLOCK, scaling)
    else:
        codes, scales, offsets = round_rows(M, levels)
    packed = pack(codes, book.bits)
    return CodedMatrix(book, (M.shape[0], M.shape[1]), packed, scales, offsets, levels)


def fake_quantize(M: Tensor, book: CodeBook, scaling: Scaling = Scaling.ABSMAX) -> Tensor:
    """The weights as they are after rounding, float32, `outputs x inputs`."""
    return encode(M, book, scaling).decode(torch.float32)
