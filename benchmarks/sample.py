"""Designs that benchmarks measure."""

from __future__ import annotations

import random

from circuits.definition import Circuit
from simulators.starting import starting_design

_SIMILAR = 0.1


def near(circuit: Circuit, count: int, seed: int) -> list[dict[str, float]]:
    """Designs near the netlist's own: each variable within 10% of the axis around it."""
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    centre = circuit.to_unit(starting_design(circuit))
    return [
        circuit.from_unit([part + rng.uniform(-_SIMILAR, _SIMILAR) for part in centre])
        for _ in range(count)
    ]


def anywhere(circuit: Circuit, count: int, seed: int) -> list[dict[str, float]]:
    """Designs from the whole space."""
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    return [circuit.from_unit([rng.random() for _ in circuit.variables]) for _ in range(count)]
