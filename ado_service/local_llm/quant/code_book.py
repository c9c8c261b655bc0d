"""The values that a code stands for, before it is scaled: levels from -1 to 1."""

from __future__ import annotations

from enum import StrEnum

_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_NF2 = (-1.0, 0.0, 0.3379152417182922, 1.0)

BLOCK = 64
"""Neighbouring weights that share a scale in NF4 and NF2 (QLoRA, arXiv 2305.14314, section 3)."""


class CodeBook(StrEnum):
    """Levels that weights are rounded to, and what shares a scale.

    NF4 and NF2 have quantiles of a normal distribution for levels and a scale for each block of 64
    weights; NF4 is that of bitsandbytes to the bit. The uniform ones have 2^b levels, evenly spaced
    between mean - 2 sigma and mean + 2 sigma of an output channel (LoftQ, arXiv 2310.08659, has
    those of the whole matrix), and clip what lies outside.
    """

    NF4 = "nf4"
    NF2 = "nf2"
    UNIFORM_4 = "uniform-4"
    UNIFORM_3 = "uniform-3"
    UNIFORM_2 = "uniform-2"

    @property
    def bits(self) -> int:
        """Of one code."""
        return int(self.value[-1])

    @property
    def in_blocks(self) -> bool:
        """Whether blocks of `BLOCK` weights share a scale, and not output channels."""
        return self in (CodeBook.NF4, CodeBook.NF2)

    @property
    def levels(self) -> tuple[float, ...]:
        """2^bits values in rising order; a code is the place of its level."""
        match self:
            case CodeBook.NF4:
                return _NF4
            case CodeBook.NF2:
                return _NF2
            case _:
                top = 2**self.bits - 1
                return tuple(2 * code / top - 1 for code in range(top + 1))


class Scaling(StrEnum):
    """How the scale of a block is chosen.

    `absmax` is the published one: the block's largest weight is met exactly. `fitted` looks for the
    scale with the least squared error, which at 2 bits brings the error down by a third, and costs
    nothing once it is done.
    """

    ABSMAX = "absmax"
    FITTED = "fitted"
