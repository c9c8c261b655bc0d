"""What a Pareto search finds: hypervolume of its front, designs that meet the specs, seconds.

Every job is a real `gp-bo` one, in a design database of its own; the peer is the job of the same
seed with the objective `fom`, whose designs are the same until all specs are met first.

`pareto/hypervolume/CIRCUIT`: of the front, measured from the specs' thresholds; an octave of a
metric is a unit, and so are 6.02 dB. The ratio is that of the medians.
`pareto/feasible/CIRCUIT`: of the designs after the first one that met all specs, how many did so,
all seeds together; against a third.
`pareto/seconds`: CPU seconds of a round of five after a hundred designs of the first circuit
(fewer in a shorter job), against 1.5 s; the objective `fom` stands in the detail.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np

from ado_service.commands.console import log_to_stderr
from ado_service.job_config import JobConfig, Method
from ado_service.proposers.models import model_proposer
from ado_service.proposers.pareto.gain_scale import GainScale
from ado_service.proposers.pareto.undominated import Undominated
from ado_service.proposers.protocol import History, Observation
from ado_service.settings import Settings
from ado_service.store.store import Store
from benchmarks.report import Row, parser, report
from benchmarks.sized_job import sized
from circuits.fom import judge
from circuits.loader import load_circuit

JOBS = {
    "two_stage_amplifier": ("pareto:power,gbw", 105),
    "hysteresis_comparator": ("pareto:power-,gain+", 60),
}
"""Objective and budget by circuit."""
_QUICK = 30
_SHARE = 1 / 3
_SECONDS = 1.5
_ROUND, _KNOWN = 5, 100


@dataclass(frozen=True, slots=True)
class Found:
    """What two jobs of one seed came to, with a Pareto objective and with `fom`.

    Attributes:
        volumes: hypervolumes of their fronts.
        feasible: designs that met all specs after the first that did.
        after: designs after that one.
        seconds: CPU seconds of a further round.
        known: designs that it knew.
    """

    volumes: tuple[float, float]
    feasible: tuple[int, int]
    after: tuple[int, int]
    seconds: tuple[float, float]
    known: int


def main() -> None:
    """Run all jobs and print what they found."""
    options = _options()
    started = time.monotonic()
    names, seeds = options.circuits.split(","), range(1, options.seeds + 1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: a fit on one core each
    tasks = [(name, seed, options.quick) for name in names for seed in seeds]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        done = list(zip(tasks, pool.map(_found, tasks), strict=True))
    found = {name: [one for task, one in done if task[0] == name] for name in names}
    rows = [row(name, found[name]) for row in (_volume, _feasible) for name in names]
    report([*rows, _seconds(found[names[0]])], options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--circuits", help=f"separated by commas; {','.join(JOBS)}")
    found.add_argument("--seeds", type=int, help="how many, from 1; 3")
    found.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at one time")
    options = found.parse_args()
    options.circuits = options.circuits or (
        "hysteresis_comparator" if options.quick else ",".join(JOBS)
    )
    options.seeds = options.seeds or (1 if options.quick else 3)
    if unknown := set(options.circuits.split(",")) - set(JOBS):
        found.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(JOBS)}")
    return options


def _found(task: tuple[str, int, bool]) -> Found:
    """Both jobs of one circuit and seed, in a process of their own."""
    log_to_stderr()
    name, seed, quick = task
    objective, budget = JOBS[name]
    if quick:
        budget = min(budget, _QUICK)
    ours, peer = (_history(name, seed, budget, text) for text in (objective, "fom"))
    aims = ours.objective
    after = [[one.verdict.feasible for one in job.observations] for job in (ours, peer)]
    after = [met[met.index(True) + 1 :] if any(met) else [] for met in after]
    return Found(
        volumes=(hypervolume(ours), hypervolume(replace(peer, objective=aims))),
        feasible=(sum(after[0]), sum(after[1])),
        after=(len(after[0]), len(after[1])),
        seconds=(_round_seconds(ours), _round_seconds(peer)),
        known=min(budget, _KNOWN),
    )


def _history(name: str, seed: int, budget: int, objective: str) -> History:
    """What a job of its own database knew in the end."""
    circuit = load_circuit(name)
    config = JobConfig.model_validate(
        {"method": Method.GP_BO, "seed": seed, "budget": budget, "objective": objective}
    )
    with tempfile.TemporaryDirectory(prefix="ado-pareto-") as folder:
        settings = Settings(data_dir=Path(folder), processes=1, cache=False)
        with Store.open(settings.database_url) as store:
            designs = store.designs.of_job(sized(store, settings, circuit, config).id)
    specs = circuit.specs()
    seen = tuple(
        Observation(one.values, one.metrics, judge(one.metrics, specs, one.skipped))
        for one in designs
    )
    return History(circuit, specs, seen, objective=config.objective.resolved(circuit, specs))


def hypervolume(history: History) -> float:
    """Of the front of a job, measured from the specs' thresholds in octaves (`GainScale`)."""
    good = [one for one in history.observations if one.verdict.feasible]
    if not good:
        return 0.0
    scales = [GainScale.of(aim, history, good) for aim in history.objective.aims]
    gains = np.array([[scale.gain(one.metrics) for scale in scales] for one in good])
    left, volume = Undominated.within(gains.max(axis=0)), 0.0
    for point in gains:
        volume += float(left.gained(point[None])[0])
        left = left.without(point)
    return volume


def _round_seconds(history: History) -> float:
    known = replace(history, observations=history.observations[:_KNOWN])
    proposer = model_proposer(history.objective)
    started = time.process_time()
    proposer.propose(known, _ROUND, seed=1)
    return time.process_time() - started


def _volume(name: str, found: Sequence[Found]) -> Row:
    ours, peer = (median(one.volumes[place] for one in found) for place in (0, 1))
    pairs = [one.volumes[0] / one.volumes[1] for one in found if one.volumes[1] > 0]
    return Row(
        name=f"pareto/hypervolume/{name}",
        ours=ours,
        peer=peer,
        peer_name="objective fom",
        unit="octaves by octaves",
        ratio=ours / peer if peer else None,
        goal=1.0,
        holds=ours > peer,
        n=len(found),
        low=min(pairs, default=None),
        high=max(pairs, default=None),
        detail={
            "ours": [one.volumes[0] for one in found],
            "fom": [one.volumes[1] for one in found],
        },
    )


def _feasible(name: str, found: Sequence[Found]) -> Row:
    shares = [
        sum(one.feasible[p] for one in found) / max(1, sum(one.after[p] for one in found))
        for p in (0, 1)
    ]
    each = [one.feasible[0] / one.after[0] / _SHARE for one in found if one.after[0]]
    return Row(
        name=f"pareto/feasible/{name}",
        ours=shares[0],
        peer=_SHARE,
        peer_name="a third",
        unit="of designs",
        ratio=shares[0] / _SHARE,
        goal=1.0,
        holds=shares[0] >= _SHARE,
        n=len(found),
        low=min(each, default=None),
        high=max(each, default=None),
        detail={
            "ours": [f"{one.feasible[0]} of {one.after[0]}" for one in found],
            "fom": [f"{one.feasible[1]} of {one.after[1]}" for one in found],
        },
    )


def _seconds(found: Sequence[Found]) -> Row:
    ours = median(one.seconds[0] for one in found)
    return Row(
        name="pareto/seconds",
        ours=ours,
        peer=_SECONDS,
        peer_name="limit",
        unit="CPU seconds a round",
        ratio=_SECONDS / ours,
        goal=1.0,
        holds=ours <= _SECONDS,
        n=len(found),
        low=_SECONDS / max(one.seconds[0] for one in found),
        high=_SECONDS / min(one.seconds[0] for one in found),
        detail={"known": found[0].known, "fom": median(one.seconds[1] for one in found)},
    )


if __name__ == "__main__":
    main()
