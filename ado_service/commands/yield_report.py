"""What `ado yield` prints and writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.table import Table

from ado_service.commands.console import FAILED, fail, out
from ado_service.commands.finished_design import FinishedDesign
from circuits.units import show_quantity
from simulators.corners import verdict, worst_corner
from simulators.netlist.mismatch import SAMPLE
from simulators.result import SimulationResult
from simulators.yield_estimate import CONFIDENCE, PERCENTILES, YieldEstimate, estimate_yield


@dataclass(frozen=True)
class MonteCarlo:
    """A yield run.

    Attributes:
        design: what was copied.
        seed: of the run.
        copies: values of each sample, its seed of mismatch among them.
        nominal: result of the design without mismatch.
        results: of the copies.
    """

    design: FinishedDesign
    seed: int
    copies: Sequence[dict[str, float]]
    nominal: SimulationResult
    results: Sequence[SimulationResult]

    @cached_property
    def estimate(self) -> YieldEstimate:
        """What the results come to."""
        return estimate_yield(self.results, self.design.specs)


def report(run: MonteCarlo) -> dict[str, Any]:
    """The run as one JSON object; metrics are worst corners, in their own units."""
    design, found = run.design, run.estimate
    return {
        "circuit": design.circuit.name,
        "design": design.origin,
        "corners": design.circuit.corner_names,
        "seed": run.seed,
        "samples": found.samples,
        "passed": found.passed,
        "yield": found.share,
        "confidence": CONFIDENCE,
        "low": found.low,
        "high": found.high,
        "missed": found.missed,
        "failures": found.failures,
        "nominal": {
            "metrics": worst_corner(run.nominal, design.specs),
            "feasible": verdict(run.nominal, design.specs).feasible,
            "failure": run.nominal.failure,
        },
        "metrics": {name: asdict(one) for name, one in found.spreads.items()},
        "variables": design.values,
    }


def print_report(run: MonteCarlo, written: Sequence[Path]) -> None:
    """The run for people."""
    found, circuit = run.estimate, run.design.circuit
    out.print(_metrics(run))
    out.print(_specs(run))
    for kind, count in found.failures.items():
        out.print(f"{count} of {found.samples} samples: {kind}")
    out.print(
        f"{circuit.name}, {run.design.origin}: yield {found.share:.1%} ({found.passed} of "
        f"{found.samples} samples meet every spec), {CONFIDENCE:.0%} confidence "
        f"{found.low:.1%} to {found.high:.1%}",
        soft_wrap=True,
    )
    for path in written:
        out.print(f"wrote {path}", soft_wrap=True)


def write_samples(run: MonteCarlo, found: dict[str, Any], folder: Path) -> list[Path]:
    """Write samples.csv (a row a sample, metrics in their units) and yield.json."""
    table, summary = folder / "samples.csv", folder / "yield.json"
    names = [metric.name for metric in run.design.circuit.metrics]
    try:
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["sample", SAMPLE, "meets_specs", "failure", *names])
            for index, (copy, result) in enumerate(zip(run.copies, run.results, strict=True)):
                metrics = worst_corner(result, run.design.specs)
                passed = verdict(result, run.design.specs).feasible
                values = [metrics.get(name) for name in names]
                failure = result.failure or ""
                rows.writerow([index, int(copy[SAMPLE]), int(passed), failure, *values])
        summary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{folder}: {error.strerror}; name a folder that can be written", FAILED)
    return [table, summary]


def _metrics(run: MonteCarlo) -> Table:
    columns = ["metric", "nominal", "mean", "sigma", *(f"{one} %" for one in PERCENTILES)]
    table = Table(*columns, "measured", title="Metrics, worst corner", title_justify="left")
    nominal = worst_corner(run.nominal, run.design.specs)
    for name, one in run.estimate.spreads.items():
        unit = run.design.circuit.metric(name).unit
        shown = [nominal.get(name), one.mean, one.sigma, *map(one.percentiles.get, PERCENTILES)]
        texts = ("" if value is None else show_quantity(value, unit) for value in shown)
        table.add_row(name, *texts, f"{one.measured}/{run.estimate.samples}")
    return table


def _specs(run: MonteCarlo) -> Table:
    table = Table("spec", "wanted", "missed by", title="Specs", title_justify="left")
    for spec in run.design.specs:
        unit = run.design.circuit.metric(spec.metric).unit
        count = run.estimate.missed[spec.metric]
        wanted = f"{spec.direction.value} {show_quantity(spec.threshold, unit)}"
        table.add_row(spec.metric, wanted, f"{count} ({count / run.estimate.samples:.1%})")
    return table
