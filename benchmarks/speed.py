"""Evaluations per second of a host against a fresh `ngspice -b` per testbench."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.batch import batch_folder, run_all
from benchmarks.report import Row, ratio_row
from benchmarks.sample import near
from benchmarks.solver import Solver
from circuits.definition import Circuit
from simulators.ngspice.export import sized_netlists
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind

# A design without a unity-gain frequency costs both sides the same.
_FAIR = {None, FailureKind.MEASURE_FAILED}


def against_batch(
    name: str, circuit: Circuit, *, quick: bool, goal: float, floor: float | None
) -> list[Row]:
    """Rows `NAME`, `NAME/best-case` where there are two testbenches, and `NAME/floor`.

    Args:
        name: of the row.
        circuit: of one corner.
        quick: fewer repeats.
        goal: times the peer's rate.
        floor: share of our time that the solver is to have; None for no goal.
    """
    with_pdk = circuit.corners[0].process != ""
    with_tran = any("transient" in bench.about for bench in circuit.testbenches)
    # A peer that reads a PDK's library takes seconds each time; ours takes milliseconds.
    fresh = (1 if quick else 2) if with_pdk else 10
    repeats, designs = (2 if quick else 7), (20 if with_tran else 100)
    ours: list[float] = []
    each: list[float] = []
    dearer: list[float] = []
    solver: list[float] = []
    with (
        batch_folder() as folder,
        NgspiceSimulator(circuit, processes=1) as simulator,
        Solver(circuit, simulator.decks) as bare,
    ):
        simulator.run(near(circuit, 20, 0))
        for repeat in range(repeats):
            values = near(circuit, designs, repeat + 1)
            clock = time.perf_counter()
            results = simulator.run(values)
            ours.append(designs / (time.perf_counter() - clock))
            if any(result.failure not in _FAIR for result in results):
                raise RuntimeError("a design was not simulated; the comparison would not be fair")
            solver.append(designs / bare.seconds(values))
            seconds = _fresh(folder, circuit, values[:fresh])
            each.append(fresh / sum(seconds))
            dearer.append(fresh / max(seconds))
    unit = "evaluations/s"
    rows = [ratio_row(name, ours, each, peer_name="ngspice -b", unit=unit, goal=goal)]
    if len(circuit.testbenches) > 1:
        peer = "ngspice -b, dearer testbench alone"
        rows.append(
            ratio_row(f"{name}/best-case", ours, dearer, peer_name=peer, unit=unit, goal=None)
        )
    spread = {"ours_ms": 1e3 / median(ours), "solver_ms": 1e3 / median(solver)}
    rows.append(
        ratio_row(
            f"{name}/floor", ours, solver, peer_name="the solver alone", unit=unit, goal=floor,
            detail=spread,
        )
    )  # fmt: skip
    return rows


def _fresh(folder: Path, circuit: Circuit, values: Sequence[dict[str, float]]) -> list[float]:
    """Seconds of `ngspice -b` over all `values`, by testbench."""
    seconds = [0.0 for _ in circuit.testbenches]
    for design in values:
        took, _ = run_all(folder, sized_netlists(circuit, design))
        seconds = [before + now for before, now in zip(seconds, took, strict=True)]
    return seconds
