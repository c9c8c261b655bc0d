"""Ours against what a user could pick instead: simulations until a design meets all specs.

Every method runs on every library circuit from the same initial designs, in the same batches, to
the same budget, over the same seeds; each with the settings it comes with. A run ends with the
first design that meets all specs (`--full`: goes on, for the best FOM at the whole budget), and
one that never gets there counts as its whole budget. Methods that know no constraints maximise
the figure of merit, penalties included. Every design is simulated in all corners and testbenches
(gating `none`): peers would not know what to do with the half of one. A repeated design counts as
a simulation again.

`sims-to-specs/CIRCUIT/PEER`, `sims-to-specs/all/PEER`: medians over seeds, `all` over the runs of
all circuits; bounds are 95% bootstrap intervals of the ratio. `sims-to-specs/circuits-won`: share
of circuits with a ratio of 1.25 to the best off-the-shelf peer. `feasible-105/CIRCUIT/METHOD`:
share of seeds that got there by 105 simulations; its detail has 50 and 205, the best FOM and the
proposer's CPU seconds a round. `proposer-seconds/PEER`: CPU seconds of a proposal of 4 designs
from 100 trials of 14 variables; `proposer-seconds/many-trials`: ours from 1,000.

Runs are kept under --runs, a line each, and not run again while the circuit, the method's code and
its versions are the same: an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peer_methods.registry import METHODS
from benchmarks.peer_runs.campaign import Campaign, run_missing
from benchmarks.peer_runs.field import Field
from benchmarks.peer_runs.plot import draw
from benchmarks.peer_runs.rows import left_out, rows
from benchmarks.peer_runs.seconds import Sizes
from benchmarks.peer_runs.seconds_rows import seconds_rows
from benchmarks.peer_runs.store import Records
from benchmarks.report import parser, report
from circuits.loader import library_names

_DOCS = Path("docs/benchmarks")
_QUICK_SIZES = Sizes(few=20, many=60, repeats=1, warm_up=0)
_QUICK_BUDGET = 10


def main() -> None:
    """Run what is not on record, then print rows from all that is."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: a fit on one core each
    with tempfile.TemporaryDirectory(prefix="ado-peers-") as scratch:
        found, why = _compare(options, Records(options.runs or Path(scratch)))
    if not found.circuits:
        sys.exit(f"no run of {options.ours} on record under {options.runs}; run without --report")
    if options.plots is not None:
        draw(found, options.plots / "peers.svg")
    lines = [*rows(found), *left_out(found, why)]
    if not options.no_seconds:
        sizes = _QUICK_SIZES if options.quick else Sizes()
        lines += seconds_rows(found.ours, [name for name in found.peers if name not in why], sizes)
    report(lines, options, started)


def _compare(options: argparse.Namespace, records: Records) -> tuple[Field, dict[str, str]]:
    """All runs that stand, and why methods were left out."""
    asked = options.methods.split(",")
    why = {name: reason for name in asked if (reason := METHODS[name].missing) is not None}
    if options.ours in why:
        sys.exit(f"{options.ours} cannot run: {why[options.ours]}")
    campaign = Campaign(
        circuits=tuple(options.circuits.split(",")),
        methods=tuple(name for name in asked if name not in why),
        seeds=tuple(range(1, options.seeds + 1)),
        budget=options.budget,
        full=options.full,
    )
    if options.fresh:
        campaign.forget(records)
    if not options.report:
        run_missing(campaign, records, options.workers)
    return Field(options.ours, campaign.standing(records)), why


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--circuits", help="separated by commas; the whole library without")
    found.add_argument("--methods", default=",".join(METHODS), help="separated by commas")
    found.add_argument("--ours", default="ours", help="the method that all others are held against")
    found.add_argument("--seeds", type=int, help="how many, from 1; 10")
    found.add_argument("--budget", type=int, help="simulations of a run; 205")
    found.add_argument("--full", action="store_true", help="runs go on when all specs are met")
    found.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at one time")
    found.add_argument("--runs", type=Path, help=f"where records are kept; {_DOCS}/peers")
    found.add_argument("--plots", type=Path, help=f"where the plot goes; {_DOCS}")
    found.add_argument("--fresh", action="store_true", help="forget the records of these runs")
    found.add_argument("--report", action="store_true", help="run nothing, print what is on record")
    found.add_argument("--no-seconds", action="store_true", help="leave proposer-seconds out")
    options = found.parse_args()
    _fill_in(options)
    _check(found, options)
    return options


def _fill_in(options: argparse.Namespace) -> None:
    """Defaults; a quick comparison is of one circuit and leaves no trace in docs/."""
    quick = options.quick
    options.circuits = options.circuits or (
        "two_stage_amplifier" if quick else ",".join(library_names())
    )
    options.seeds = options.seeds or (2 if quick else 10)
    options.budget = options.budget or (_QUICK_BUDGET if quick else 205)
    if not quick:
        options.runs = options.runs or _DOCS / "peers"
        options.plots = options.plots or _DOCS


def _check(found: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    options.methods = ",".join(dict.fromkeys([options.ours, *options.methods.split(",")]))
    for what, known in (("methods", set(METHODS)), ("circuits", set(library_names()))):
        unknown = sorted(set(getattr(options, what).split(",")) - known)
        if unknown:
            listed = ", ".join(sorted(known))
            found.error(f"unknown {what}: {', '.join(unknown)}; known: {listed}")


if __name__ == "__main__":
    main()
