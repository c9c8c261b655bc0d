"""Whether our results are ngspice's: bit for bit, and as the PDK's own library has them."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.batch import batch_folder, run_batch
from benchmarks.report import Row
from benchmarks.sample import anywhere
from circuits.definition import Circuit
from simulators.netlist.deck import Deck, build_decks
from simulators.ngspice.export import sized_netlists
from simulators.ngspice.simulator import NgspiceSimulator

_TOLERANCE = 1e-6
_TIGHT = ".options reltol=1e-9 abstol=1e-16 vntol=1e-12 gmin=1e-12"
"""So tight that what remains is the models' difference and not the solver's."""


def reload_equals_batch(*circuits: Circuit, quick: bool) -> Row:
    """Share of designs whose every measure equals that of a fresh `ngspice -b` on the same deck."""
    count = 5 if quick else 25
    equal = total = 0
    for circuit in circuits:
        values = anywhere(circuit, count, 11)
        init = "set ng_nomodcheck\n" if build_decks(circuit)[0].unchecked else ""
        with NgspiceSimulator(circuit, processes=1) as simulator, batch_folder(init) as folder:
            for design, result in zip(values, simulator.run(values), strict=True):
                ours = result.corners[circuit.corners[0].name].measures
                fresh = _fresh(folder, circuit, simulator.decks, design)
                equal += all(fresh.get(name) == value for name, value in ours.items())
                total += 1
    return Row(
        name="reload-equals-batch", ours=equal, peer=total, peer_name="designs", unit="designs",
        ratio=equal / total, goal=1.0, holds=equal == total, n=total, low=None, high=None,
        detail={},
    )  # fmt: skip


def _fresh(
    folder: Path, circuit: Circuit, decks: list[Deck], design: dict[str, float]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for deck in decks:
        lines = deck.lines({**circuit.parameters, **design}, circuit.corners[0])
        asks = [line[1:] for line in lines if line.startswith(".meas ")]
        control = [".control", "set numdgt=17", "run"]
        for measure, ask in zip(deck.measures, asks, strict=True):
            control += [f"setplot {measure.analysis}1", ask, f"print {measure.name}"]
        rest = [line for line in lines[:-1] if not line.startswith(".meas ")]
        text = "\n".join([*rest, *control, "quit", ".endc", ".end", ""])
        found |= run_batch(folder, "deck.cir", text)[1]
    return found


def flattened_equals_library(circuit: Circuit, *, quick: bool) -> Row:
    """Largest relative difference of a measure between our deck and the PDK's own library.

    Random designs in all corners, the solver's tolerances tightened on both sides.
    """
    count = 1 if quick else 50
    tight = _tightened(circuit)
    values = anywhere(tight, count, 13)
    with NgspiceSimulator(tight, processes=1) as simulator:
        results = simulator.run(values)
    cases = [
        (sized_netlists(tight, design, corner), result.corners[corner.name].measures)
        for design, result in zip(values, results, strict=True)
        for corner in tight.corners
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        pairs = [pair for found in threads.map(_compared, cases) for pair in found]
    one_sided = sum(math.isinf(one) or math.isinf(other) for one, other in pairs)
    pairs = [pair for pair in pairs if not any(map(math.isinf, pair))]
    differences = [abs(one - other) / max(abs(one), abs(other), 1e-12) for one, other in pairs]
    worst, compared = max(differences), len(pairs)
    holds = worst <= _TOLERANCE and not one_sided
    return Row(
        name="sky130-flattened", ours=worst, peer=_TOLERANCE, peer_name="allowed", unit="relative",
        ratio=_TOLERANCE / max(worst, 1e-300), goal=1.0, holds=holds,
        n=compared, low=None, high=None,
        detail={"designs": count, "corners": len(tight.corners), "one_sided": one_sided},
    )  # fmt: skip


def _compared(
    case: tuple[dict[str, str], dict[str, float | None]],
) -> list[tuple[float, float]]:
    """(ours, the library's) of each measure of a design in a corner."""
    netlists, ours = case
    library: dict[str, float] = {}
    with batch_folder() as folder:
        for name, text in netlists.items():
            library |= run_batch(folder, name, text, may_fail=True)[1]
    nothing = float("inf")  # measured on one side only: as different as can be
    return [
        (nothing if value is None else value, library.get(name, nothing))
        for name, value in ours.items()
        if value is not None or name in library
    ]


def _tightened(circuit: Circuit) -> Circuit:
    """The circuit's open-loop testbench with tight tolerances: op and ac in all corners."""
    bench = circuit.testbenches[0]
    files = {
        name: text.replace(".options reltol=1e-4", _TIGHT) for name, text in circuit.files.items()
    }
    metrics = tuple(metric for metric in circuit.metrics if metric.name in {"gain", "gbw", "pm"})
    return circuit.model_copy(update={"files": files, "testbenches": (bench,), "metrics": metrics})
