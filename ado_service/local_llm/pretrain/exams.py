"""Spec sets that no training sees: a design that meets one of them never stands in an answer."""

from __future__ import annotations

import zlib

import numpy as np

from circuits.definition import Circuit
from circuits.spec import Spec
from circuits.units import rounded

COUNT = 5
"""Spec sets of a circuit: its own, and four that trade one spec against the others."""
_FACTOR = 1.12
_STEPS = {"dB": 1.0, "deg": 3.0}
"""How far a threshold moves: by a factor, or by so much where a unit is logarithmic already."""
_DIGITS = 3


def spec_sets(circuit: Circuit) -> list[tuple[Spec, ...]]:
    """`COUNT` spec sets for a circuit; the first are its own specs.

    Each further one asks for more of one metric, a different one each time, and for less of all
    others: points on the same trade-off, about as hard to reach.
    """
    own = tuple(circuit.specs())
    order = np.random.default_rng(zlib.crc32(circuit.name.encode())).permutation(len(own))
    harder = [int(order[place % len(own)]) for place in range(COUNT - 1)]
    return [own, *(_traded(circuit, own, place) for place in harder)]


def _traded(circuit: Circuit, specs: tuple[Spec, ...], harder: int) -> tuple[Spec, ...]:
    moved = []
    for place, spec in enumerate(specs):
        sign = spec.direction.sign * (1 if place == harder else -1)
        step = _STEPS.get(circuit.metric(spec.metric).unit)
        bare = spec.threshold + sign * step if step else spec.threshold * _FACTOR**sign
        moved.append(spec.model_copy(update={"threshold": rounded(bare, _DIGITS)}))
    return tuple(moved)
