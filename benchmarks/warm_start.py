"""What a warm start saves: simulations to all specs of jobs that start from another job's designs.

Every job is a real one, in a design database of its own. `warm-start/KIND/CIRCUIT` compares jobs
of the library's circuit and specs that start cold with jobs of the same seeds that start from the
designs of an earlier job; `KIND` is what that one was asked for:

`other-specs`: the same circuit, every threshold a tenth easier (dB and degrees too).
`other-circuit`: the same variables and specs, half as much capacitance more at the output.

Ours and the peer are medians of simulations, the ratio is the cold jobs' over the warm ones'; its
bounds are 95% bootstrap intervals. A job that never gets there counts as its whole budget. What
the earlier jobs took stands in the detail.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ado_service.job_config import JobConfig, Method
from benchmarks.peer_runs.bootstrap import median_ratio
from benchmarks.report import Row, parser, report
from benchmarks.sized_job import sized
from circuits.definition import Circuit
from circuits.loader import load_circuit
from circuits.spec import Direction, Spec

if TYPE_CHECKING:
    from ado_service.settings import Settings
    from ado_service.store.store import Store

CIRCUITS = (
    "two_stage_amplifier", "hysteresis_comparator", "five_transistor_ota", "folded_cascode_ota",
    "low_dropout_regulator", "bandgap_reference",
)  # fmt: skip
KINDS = ("other-specs", "other-circuit")
_EASIER = 0.1
_LOADS = ("cl", "cout")
_MORE_LOAD = 1.5
_EARLIER_SEED = 1000
"""Added to a job's seed for the job that it starts from: another random start."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Simulations to all specs of one seed; the whole budget where they were not met.

    Attributes:
        cold, warm: of the job without and with the earlier one.
        earlier: of the earlier job.
    """

    circuit: str
    kind: str
    cold: int
    warm: int
    earlier: int


def main() -> None:
    """Run all jobs and print what the earlier ones saved."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: a fit on one core each
    seeds = range(1, options.seeds + 1)
    names = options.circuits.split(",")
    tasks = [(name, seed, options.budget) for name in names for seed in seeds]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        found = [one for savings in pool.map(_savings, tasks) for one in savings]
    rows = [_row(kind, [name], found) for kind in KINDS for name in names]
    rows += [_row(kind, names, found) for kind in KINDS]
    report(rows, options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--circuits", help="separated by commas")
    found.add_argument("--seeds", type=int, help="how many, from 1; 10")
    found.add_argument("--budget", type=int, help="simulations of a job; 205")
    found.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at one time")
    options = found.parse_args()
    circuits = "hysteresis_comparator" if options.quick else ",".join(CIRCUITS)
    options.circuits = options.circuits or circuits
    options.seeds = options.seeds or (2 if options.quick else 10)
    options.budget = options.budget or (12 if options.quick else 205)
    if unknown := set(options.circuits.split(",")) - set(CIRCUITS):
        found.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(CIRCUITS)}")
    return options


def _savings(task: tuple[str, int, int]) -> list[Saving]:
    """Both kinds of one circuit and seed, in a process and a database of their own."""
    import torch

    from ado_service.commands.console import log_to_stderr
    from ado_service.settings import Settings
    from ado_service.store.store import Store

    log_to_stderr()
    torch.set_num_threads(1)
    name, seed, budget = task
    circuit = load_circuit(name)
    with tempfile.TemporaryDirectory(prefix="ado-warm-") as folder:
        settings = Settings(data_dir=Path(folder), processes=1, cache=False)
        with Store.open(settings.database_url) as store:
            cold, _ = _sized(store, settings, circuit, _config(seed, budget))
            found = []
            for kind in KINDS:
                config = _config(seed + _EARLIER_SEED, budget)
                earlier, job = _sized(store, settings, *_earlier(kind, circuit, config))
                warm, _ = _sized(store, settings, circuit, _config(seed, budget, job))
                found.append(Saving(name, kind, cold, warm, earlier))
    return found


def _config(seed: int, budget: int, *warm_start: str) -> JobConfig:
    return JobConfig(method=Method.GP_BO, seed=seed, budget=budget, warm_start=warm_start)


def _earlier(kind: str, circuit: Circuit, config: JobConfig) -> tuple[Circuit, JobConfig]:
    """What the job before was asked for."""
    if kind == "other-specs":
        easier = tuple(_easier(spec) for spec in circuit.specs())
        return circuit, config.model_copy(update={"specs": easier})
    loads = {name: circuit.parameters[name] for name in _LOADS if name in circuit.parameters}
    heavier = {name: _MORE_LOAD * value for name, value in loads.items()}
    return circuit.model_copy(update={"parameters": circuit.parameters | heavier}), config


def _easier(spec: Spec) -> Spec:
    factor = 1 - _EASIER if spec.direction is Direction.ABOVE else 1 + _EASIER
    return spec.model_copy(update={"threshold": spec.threshold * factor})


def _sized(
    store: Store, settings: Settings, circuit: Circuit, config: JobConfig
) -> tuple[int, str]:
    """Simulations that a job took to all specs, or its budget, and its id."""
    job = sized(store, settings, circuit, config)
    return job.simulations_to_all_specs or config.budget, job.id


def _row(kind: str, names: Sequence[str], found: Sequence[Saving]) -> Row:
    groups = [[one for one in found if (one.circuit, one.kind) == (name, kind)] for name in names]
    savings = [one for group in groups for one in group]
    ratio, low, high = median_ratio(
        [[one.warm for one in group] for group in groups],
        [[one.cold for one in group] for group in groups],
    )
    return Row(
        name=f"warm-start/{kind}/{names[0] if len(names) == 1 else 'all'}",
        ours=median(one.warm for one in savings),
        peer=median(one.cold for one in savings),
        peer_name="cold start",
        unit="simulations",
        ratio=ratio,
        goal=None,
        holds=None,
        n=len(savings),
        low=low,
        high=high,
        detail={
            "warm": [one.warm for one in savings],
            "cold": [one.cold for one in savings],
            "earlier": [one.earlier for one in savings],
        },
    )


if __name__ == "__main__":
    main()
