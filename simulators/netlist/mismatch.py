"""Mismatch: what a Monte Carlo sample adds to a design, the same for the same sample anywhere."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.netlist.numparam import Draw, Formula
from simulators.netlist.parts import Parts

SAMPLE = "mismatch_sample"
"""Name of the value that seeds a design's mismatch; 0 or none for the nominal design."""
SWITCH = "mismatch_switch"
"""1 in a Monte Carlo sample, 0 else; the converted cards of a PDK refer to it."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Pelgrom coefficients of a MOS model: avt in V m, abeta in m (relative)."""

    avt: float
    abeta: float


@dataclass(frozen=True, slots=True)
class MatchedMos:
    """A MOS instance with mismatch: a shift of its threshold (V), a factor of its mobility."""

    parts: Parts
    shift: Formula
    factor: Formula

    def text(self, environment: Mapping[str, float], draw: Draw, drawn: bool) -> str:
        """The card for one design; without the two parameters where nothing is drawn."""
        nominal = self.parts.text(environment, draw)
        if not drawn:
            return nominal
        shift = self.shift.value(environment, draw)
        return f"{nominal} delvto={shift!r} mulu0={self.factor.value(environment, draw)!r}"


def draws(sample: int, name: str) -> Draw:
    """Standard normal numbers of one instance: the same for the same sample, whatever is beside."""
    if sample == 0:
        return _nothing
    return _Normal(f"{sample}:{name}")


def _nothing() -> float:
    return 0.0


class _Normal:
    """Draws begin when the first number is asked for: most instances ask for none."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random: random.Random | None = None

    def __call__(self) -> float:
        if self._random is None:
            self._random = random.Random(self._seed)  # noqa: S311 - statistics, no secret
        return self._random.gauss(0.0, 1.0)
