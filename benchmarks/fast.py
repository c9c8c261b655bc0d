"""The fast mode, circuits altered in place, against a reload of each deck."""

from __future__ import annotations

import random
import time
from statistics import median

from benchmarks.report import Row, ratio_row
from circuits.definition import Circuit
from simulators.ngspice.altered import outline
from simulators.ngspice.nodesets import prepared_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import SimulationResult
from simulators.starting import starting_design

REFINEMENT = 0.01
"""Reach of designs in a late search, as a share of each axis: few change their model bins."""


def fast_mode(name: str, circuit: Circuit, *, quick: bool, reach: float = REFINEMENT) -> Row:
    """Evaluations per second of a host in fast mode against one that reloads.

    `detail` says how many designs had the model bins of an earlier one, and whether all results
    were the same bits.

    Args:
        name: of the row, such as `sky130-op-ac/fast`.
        circuit: of one corner.
        quick: fewer repeats.
        reach: designs are drawn within this share of each axis around the netlist's own sizes.
    """
    repeats, count = (3, 40) if quick else (9, 120)
    decks = prepared_decks(circuit)
    ours: list[float] = []
    peer: list[float] = []
    same = True
    with (
        NgspiceSimulator(circuit, processes=1, decks=decks, fast=True) as fast,
        NgspiceSimulator(circuit, processes=1, decks=decks) as reloading,
    ):
        for repeat in range(repeats + 1):
            designs = _around(circuit, count, reach, repeat)
            altered, altering = _timed(fast, designs)
            reloaded, loading = _timed(reloading, designs)
            same = same and _corners(altered) == _corners(reloaded)
            if repeat:  # the first one warms up
                ours.append(count / altering)
                peer.append(count / loading)
    return ratio_row(
        name, ours, peer, peer_name="reload", unit="evaluations/s", goal=None,
        detail={"reach": reach, "known_bins": _known(circuit, count, reach, repeats),
                "same_bits": same, "ours_ms": 1e3 / median(ours)},
    )  # fmt: skip


def _around(circuit: Circuit, count: int, reach: float, seed: int) -> list[dict[str, float]]:
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    centre = circuit.to_unit(starting_design(circuit))
    return [
        circuit.from_unit([part + rng.uniform(-reach, reach) for part in centre])
        for _ in range(count)
    ]


def _timed(
    simulator: NgspiceSimulator, designs: list[dict[str, float]]
) -> tuple[list[SimulationResult], float]:
    clock = time.perf_counter()
    results = simulator.run(designs)
    return results, time.perf_counter() - clock


def _corners(results: list[SimulationResult]) -> list[object]:
    return [(result.corners, result.failure) for result in results]


def _known(circuit: Circuit, count: int, reach: float, repeats: int) -> float:
    """Share of the timed designs whose first deck has the shape of an earlier one."""
    deck, seen, known = prepared_decks(circuit)[0], set[tuple[str, ...]](), 0
    for repeat in range(repeats + 1):
        for values in _around(circuit, count, reach, repeat):
            lines = deck.numbers({**circuit.parameters, **values}, circuit.corners[0])
            shape = outline([line for line in lines if not line.startswith(".meas ")]).shape
            known += repeat > 0 and shape in seen
            seen.add(shape)
    return known / (repeats * count)
