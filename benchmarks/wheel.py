"""Whether every job makes the next one cheaper: the embedded model tuned on finished jobs.

The circuit is one whose family its training never saw. Jobs without a model size it under four
spec sets; the embedded model is tuned on their designs (QST); then jobs ask for a fifth spec set,
once with the model as it comes and once with the tuned one, seed by seed. `wheel/CIRCUIT`: median
simulations to all specs with the tuned model against the untuned one; the ratio is the untuned
one's over the tuned one's, its bounds a 95% bootstrap interval; a job that never gets there counts
as its whole budget. Jobs without any model stand in the detail.

What a folder (`--data`) has is not done again; `--prepare` does there what needs no model.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from ado_service.job_config import JobConfig, Method
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord, TuningState
from benchmarks.peer_runs.bootstrap import median_ratio
from benchmarks.report import Row, parser, report
from benchmarks.sized_job import JobFailedError, sized
from circuits.loader import library_names, load_circuit
from circuits.objective import Mode, Objective

_GOAL = 1 / 0.7
_TUNED = "tuned"
_ARMS = {"untuned": "local", _TUNED: _TUNED, "without": None}
_LEARNING_SEED = 1000
"""Added to the seeds of the jobs that are learned from."""


def main() -> None:
    """Jobs to learn from, a tuning, jobs that are held against each other."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers
    with tempfile.TemporaryDirectory(prefix="ado-wheel-") as scratch:
        folder = str(options.data or scratch)
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            lessons = [
                (folder, options.circuit, seed + 1, options.budget)
                for seed in range(options.lessons)
            ]
            jobs = list(pool.map(_learned_from, lessons))
            if options.prepare:
                list(pool.map(_simulations, [
                    (folder, options.circuit, "without", seed + 1, options.budget)
                    for seed in range(options.seeds)
                ]))  # fmt: skip
                return
            tuning = pool.submit(_tuned, folder, tuple(jobs), options.steps).result()
            races = [
                (folder, options.circuit, arm, seed + 1, options.budget)
                for seed in range(options.seeds)
                for arm in _ARMS
            ]
            found = list(pool.map(_simulations, races))
    by_arm = {arm: found[place :: len(_ARMS)] for place, arm in enumerate(_ARMS)}
    report([_row(options.circuit, by_arm, tuning)], options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--circuit", default="folded_cascode_ota", choices=library_names())
    found.add_argument("--lessons", type=int, help="jobs that are learned from; 8")
    found.add_argument("--steps", type=int, help="of the tuning; 400")
    found.add_argument("--seeds", type=int, help="jobs of each kind; 10")
    found.add_argument("--budget", type=int, help="simulations of a job; 205")
    found.add_argument("--data", type=Path, help="keep the design database in this folder")
    found.add_argument("--prepare", action="store_true", help="only the jobs without a model")
    found.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at one time")
    options = found.parse_args()
    quick = options.quick
    options.lessons = options.lessons or (2 if quick else 8)
    options.steps = options.steps or (4 if quick else 400)
    options.seeds = options.seeds or (1 if quick else 10)
    options.budget = options.budget or (20 if quick else 205)
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True)
    return options


def _settings(folder: str) -> Settings:
    import torch

    from ado_service.commands.console import log_to_stderr

    log_to_stderr()
    torch.set_num_threads(1)
    return Settings(data_dir=Path(folder), processes=1, cache=False, tuning_threads=1)


def _learned_from(task: tuple[str, str, int, int]) -> str:
    """A finished job without a model, under one of the spec sets that are not asked for later."""
    from ado_service.local_llm.pretrain.exams import spec_sets

    folder, name, seed, budget = task
    settings, circuit = _settings(folder), load_circuit(name)
    others = spec_sets(circuit)[1:]
    config = JobConfig(
        method=Method.GP_BO, objective=Objective(Mode.FOM), seed=_LEARNING_SEED + seed,
        budget=budget, specs=others[seed % len(others)],
    )  # fmt: skip
    with Store.open(settings.database_url) as store:
        return sized(store, settings, circuit, config, key=f"lesson-{seed}").id


def _tuned(folder: str, jobs: tuple[str, ...], steps: int) -> TuningRecord:
    """The embedded model, tuned on those jobs."""
    from ado_service.jobs.lease import LeaseKeeper
    from ado_service.tunings.runner import TuningRunner
    from ado_service.tunings.submit import submit

    settings = _settings(folder)
    config = TuningConfig(model="local", sources=jobs, reduction=4, steps=steps)
    with Store.open(settings.database_url) as store:
        asked = Idempotency(f"tuning-{_weights(store, config.model)}", config.model_dump_json())
        tuning, _ = submit(store, config, _TUNED, asked)
        if tuning.state is TuningState.COMPLETED:
            return tuning
        lease = store.tuning_leases.claim("benchmark", settings.lease_seconds, tuning.id)
        if lease is None:
            raise JobFailedError(f"{tuning.id} could not be claimed")
        with LeaseKeeper(store.tuning_leases, lease, settings.lease_seconds):
            TuningRunner(store, settings).run(lease)
        ended = store.tunings.get(tuning.id)
    if ended.state is not TuningState.COMPLETED:
        raise JobFailedError(f"{ended.id} {ended.state.value}: {ended.message}")
    return ended


def _simulations(task: tuple[str, str, str, int, int]) -> int:
    """To all specs of the circuit's own set; the whole budget where they were not met."""
    folder, name, arm, seed, budget = task
    settings, model = _settings(folder), _ARMS[arm]
    method = Method.GP_BO if model is None else Method.ADO_LLM
    config = JobConfig(method=method, llm=model, seed=seed, budget=budget)
    with Store.open(settings.database_url) as store:
        key = f"{arm}-{seed}-{_weights(store, model)}"
        job = sized(store, settings, load_circuit(name), config, key)
    return job.simulations_to_all_specs or budget


def _weights(store: Store, model: str | None) -> str:
    """What tells a model from another one of its name."""
    return "" if model is None else ModelRegistry(store).source(model).fingerprint[:12]


def _row(name: str, found: dict[str, list[int]], tuning: TuningRecord) -> Row:
    ours, peer = found[_TUNED], found["untuned"]
    ratio, low, high = median_ratio([ours], [peer])
    metrics = tuning.metrics
    return Row(
        name=f"wheel/{name}",
        ours=median(ours),
        peer=median(peer),
        peer_name="untuned model",
        unit="simulations",
        ratio=ratio,
        goal=_GOAL,
        holds=ratio >= _GOAL,
        n=len(ours),
        low=low,
        high=high,
        detail={
            **found,
            "tuning": None if metrics is None else metrics.model_dump(mode="json"),
        },
    )


if __name__ == "__main__":
    main()
