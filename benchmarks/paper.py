"""The paper's comparison on our two circuits: best FOM and specs missed at one budget.

Every method runs on the same seeds. A row's peer is the first method named after ours; `fom/...`
compares medians of the best FOM by their difference to the worst FOM there is (all specs missed),
so that the ratio is of gains, not of numbers around zero.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median, quantiles

from benchmarks.report import Row, parser, report
from circuits.loader import load_circuit

METHODS = ("gp-bo", "random")
CIRCUITS = ("two_stage_amplifier", "hysteresis_comparator")


@dataclass(frozen=True, slots=True)
class Run:
    """One job of the comparison."""

    circuit: str
    method: str
    seed: int
    best_fom: float
    specs_missed: int
    first_feasible: int | None
    seconds: float
    propose_seconds: float


def main() -> None:
    """Run every method on every circuit and seed; print medians, spread and ratios."""
    options = _options()
    started = time.monotonic()
    methods = options.methods.split(",")
    seeds = range(1, (2 if options.quick else options.seeds) + 1)
    budget = 20 if options.quick else options.budget
    jobs = [(c, m, s, budget) for c in options.circuits.split(",") for m in methods for s in seeds]
    # Processes, not threads: a fit on one core must not wait for another's lock.
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        runs = list(pool.map(_run, *zip(*jobs, strict=True)))
    rows = [
        row
        for circuit in options.circuits.split(",")
        for row in _rows(circuit, methods, [run for run in runs if run.circuit == circuit])
    ]
    report(rows, options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--methods", default="gp-bo,random", help=f"of {', '.join(METHODS)}")
    found.add_argument("--circuits", default=",".join(CIRCUITS))
    found.add_argument("--seeds", type=int, default=10)
    found.add_argument("--budget", type=int, default=105)
    found.add_argument("--workers", type=int, default=2, help="jobs at one time")
    options = found.parse_args()
    unknown = set(options.methods.split(",")) - set(METHODS)
    if unknown:
        found.error(f"unknown method {', '.join(sorted(unknown))}; known: {', '.join(METHODS)}")
    return options


def _run(circuit_name: str, method: str, seed: int, budget: int) -> Run:
    """One job in a process of its own, one simulator host, matched random starts."""
    from ado_service.job_config import JobConfig, Method, Start
    from ado_service.ledger import MemoryLedger
    from ado_service.loop import Loop
    from ado_service.proposers.gp import GPProposer
    from ado_service.stages import Stages
    from circuits.objective import Mode, Objective
    from simulators.ngspice.simulator import NgspiceSimulator

    circuit = load_circuit(circuit_name)
    config = JobConfig(
        objective=Objective(Mode.FOM),
        budget=budget,
        seed=seed,
        method=Method(method),
        start=Start.RANDOM,
    )
    started = time.monotonic()
    ledger = MemoryLedger()
    with NgspiceSimulator(circuit, processes=1) as simulator:
        stages = Stages(config, GPProposer(), None)
        history = Loop(circuit, config, circuit.specs(), stages, simulator, ledger).run()
    best = history.best
    assert best is not None
    feasible = [n for n, seen in enumerate(history.observations, 1) if seen.verdict.feasible]
    return Run(
        circuit=circuit_name,
        method=method,
        seed=seed,
        best_fom=best.verdict.fom,
        specs_missed=best.verdict.specs_total - best.verdict.specs_met,
        first_feasible=feasible[0] if feasible else None,
        seconds=time.monotonic() - started,
        propose_seconds=sum(data["propose_seconds"] for _, data in ledger.events),
    )


def _rows(circuit: str, methods: list[str], runs: list[Run]) -> list[Row]:
    rows = []
    by_method = {name: [run for run in runs if run.method == name] for name in methods}
    for place, name in enumerate(methods):
        peer = methods[place + 1] if place + 1 < len(methods) else None
        rows.append(_fom_row(circuit, name, peer, by_method))
        rows.append(_missed_row(circuit, name, peer, by_method))
    return rows


def _fom_row(circuit: str, name: str, peer: str | None, by_method: dict[str, list[Run]]) -> Row:
    ours = [run.best_fom for run in by_method[name]]
    worst = sum(spec.penalty for spec in load_circuit(circuit).specs())
    theirs = [run.best_fom for run in by_method[peer]] if peer else []
    ratios = [
        (a - worst) / (b - worst) for a, b in zip(ours, theirs, strict=bool(theirs)) if b > worst
    ]
    return Row(
        name=f"fom/{circuit}/{name}",
        ours=median(ours),
        peer=median(theirs) if theirs else None,
        peer_name=peer or "",
        unit="FOM",
        ratio=(median(ours) - worst) / (median(theirs) - worst) if theirs else None,
        goal=1.0 if theirs else None,
        holds=median(ours) > median(theirs) if theirs else None,
        n=len(ours),
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        detail={
            "fom": _spread(ours),
            "worst_fom": worst,
            "best_by_seed": [round(value, 3) for value in ours],
            "feasible_seeds": sum(run.first_feasible is not None for run in by_method[name]),
            "first_feasible": [run.first_feasible for run in by_method[name]],
            "propose_seconds": round(median(run.propose_seconds for run in by_method[name]), 2),
        },
    )


def _missed_row(circuit: str, name: str, peer: str | None, by_method: dict[str, list[Run]]) -> Row:
    ours = [run.specs_missed for run in by_method[name]]
    theirs = [run.specs_missed for run in by_method[peer]] if peer else []
    return Row(
        name=f"specs-missed/{circuit}/{name}",
        ours=median(ours),
        peer=median(theirs) if theirs else None,
        peer_name=peer or "",
        unit="specs",
        ratio=None,  # counts of nought to five have none that means anything
        goal=None,
        holds=None,
        n=len(ours),
        low=None,
        high=None,
        detail={"by_seed": ours},
    )


def _spread(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"median": values[0]}
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return {"q1": round(low, 3), "median": round(middle, 3), "q3": round(high, 3)}


if __name__ == "__main__":
    main()
