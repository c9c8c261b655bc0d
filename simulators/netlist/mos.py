"""MOS instances whose model is one of several bins, chosen by the size that a design gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulators.netlist.numparam import Draw, ExpressionError, Formula

_EDGE = 1e-9
"""Metres by which ngspice 39 lets a size lie outside of a bin; it takes the first that holds.

In compatibility mode hs it drops the bins beforehand that a size is not strictly within.
"""


@dataclass(frozen=True, slots=True)
class Bin:
    """A model card and the sizes it is for: lmin to lmax, wmin to wmax (m), edges included.

    Attributes:
        model: its name in the deck.
        card: type and parameters that are the same for all instances.
        drawn: parameters that are drawn anew for each instance in a Monte Carlo sample.
        own: whether these differ from instance to instance in the nominal design too.
    """

    model: str
    lmin: float
    lmax: float
    wmin: float
    wmax: float
    card: str = ""
    drawn: tuple[tuple[str, Formula], ...] = ()
    own: bool = False

    def holds(self, length: float, width: float) -> bool:
        """Whether a device of this length and width (m) belongs to it."""
        return within(length, self.lmin, self.lmax) and within(width, self.wmin, self.wmax)

    def encloses(self, length: float, width: float) -> bool:
        """Whether these (m) are between its edges without ngspice's tolerance."""
        return self.lmin <= length <= self.lmax and self.wmin <= width <= self.wmax


def within(value: float, low: float, high: float) -> bool:
    """Whether a size (m) counts as one between two edges."""
    return low - _EDGE < value < high + _EDGE


@dataclass(frozen=True, slots=True)
class BinnedMos:
    """A MOS instance of a binned model.

    Attributes:
        head: name and nodes as ngspice takes them.
        group: name of the bins, for messages.
        bins: in the order of the library: the first that holds is taken.
        values: parameters by name; a number, or a formula that a design decides.
        factors: what each value is multiplied with to be in metres and square metres.
        per_finger: whether bins go by the width of one finger, w/nf, and a bin that holds a size
            without tolerance comes before one that holds it with: compatibility mode hs.
    """

    head: str
    group: str
    bins: Sequence[Bin]
    values: Mapping[str, float | Formula]
    factors: Mapping[str, float]
    per_finger: bool

    def lines(
        self, environment: Mapping[str, float], draw: Draw, drawn: bool
    ) -> tuple[list[str], str]:
        """(the instance's card, the shared model that it refers to) for one design.

        Where the model is the instance's own, its card comes before the instance's, and the
        name of the shared one is empty.

        Raises:
            ExpressionError: a value that cannot be worked out, or a size outside of all bins.
        """
        found = self._numbers(environment, draw)
        one = self._bin(found)
        sizes = " ".join(f"{name}={value!r}" for name, value in found.items())
        if not (one.own or (drawn and one.drawn)):
            return [f"{self.head} {one.model} {sizes}"], one.model
        name = f"{one.model}:{self.head.split(None, 1)[0].replace('.', ':')}"
        own = " ".join(f"{key}={f.value(environment, draw)!r}" for key, f in one.drawn)
        return [f".model {name} {one.card} {own}", f"{self.head} {name} {sizes}"], ""

    def size(self, environment: Mapping[str, float]) -> tuple[float, float]:
        """(length, width that chooses the bin) for one nominal design, m.

        Raises:
            ExpressionError: a value that cannot be worked out.
        """
        return self._size(self._numbers(environment, lambda: 0.0))

    def fits(self, length: float, width: float) -> bool:
        """Whether there is a model for a device of this length and width (m)."""
        return any(one.holds(length, width) for one in self.bins)

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest `l` and `w` (m) that any bin has."""
        return {
            "l": (min(b.lmin for b in self.bins), max(b.lmax for b in self.bins)),
            "w": (min(b.wmin for b in self.bins), max(b.wmax for b in self.bins)),
        }

    def _numbers(self, environment: Mapping[str, float], draw: Draw) -> dict[str, float]:
        return {
            name: (value if isinstance(value, float) else value.value(environment, draw))
            * self.factors.get(name, 1.0)
            for name, value in self.values.items()
        }

    def _size(self, found: Mapping[str, float]) -> tuple[float, float]:
        fingers = found.get("nf", 1.0) if self.per_finger else 1.0
        if fingers <= 0:
            name = self.head.split(None, 1)[0]
            raise ExpressionError(f"{name}: {fingers:g} fingers are none; give nf=1 or more")
        return found.get("l", math.nan), found.get("w", math.nan) / fingers

    def _bin(self, found: Mapping[str, float]) -> Bin:
        length, width = self._size(found)
        holding = [one for one in self.bins if one.holds(length, width)]
        if holding and self.per_finger:
            return next((one for one in holding if one.encloses(length, width)), holding[0])
        if holding:
            return holding[0]
        (low_l, high_l), (low_w, high_w) = self.limits["l"], self.limits["w"]
        raise ExpressionError(
            f"{self.group} has no model for w={width * 1e6:.4g} um"
            f"{' a finger' if self.per_finger and found.get('nf', 1.0) > 1 else ''}, "
            f"l={length * 1e6:.4g} um: it goes from w {low_w * 1e6:.4g} to {high_w * 1e6:.4g} um, "
            f"l {low_l * 1e6:.4g} to {high_l * 1e6:.4g} um"
        )
