"""What the embedded model is worth, on spec sets that its training never saw.

A circuit is examined on five spec sets (`pretrain/exams.py`): no design that meets one of them was
in what the model learned from. The folded cascode OTA is a circuit whose family it never saw.

`embedded/sims-to-specs/CIRCUIT`: median simulations to all specs of `ado-llm` with the model
against GP-BO with the same proposer from a Sobol start; the ratio is the peer's over ours, its
bounds a 95% bootstrap interval; a job that never gets there counts as its whole budget.
`embedded/start/CIRCUIT`: figure of merit of the five zero-shot designs against five random ones.
`embedded/demonstrations/CIRCUIT/top-vs-random|none`: mean figure of merit of proposals after the
best five of 50 random designs, against any five of them and none (the paper's Table 7). Figures of
merit may be negative, so that these rows say by how much ours is ahead and have no ratio.
`embedded/valid`: share of proposals at temperature 1 that are complete and in range.
`embedded/seconds/first-token`, `embedded/seconds/proposal`: the slowest of them on one core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from statistics import mean, median, stdev

from benchmarks.embedded_runs.asked import Question, Told, answered, model, outside
from benchmarks.embedded_runs.race import INITIAL, Race, raced
from benchmarks.embedded_runs.readers import Reading, read
from benchmarks.peer_runs.bootstrap import median_ratio
from benchmarks.report import Row, parser, report
from circuits.loader import library_names, load_circuit

CIRCUITS = ("two_stage_amplifier", "five_transistor_ota", "folded_cascode_ota")
_GOAL = 2.0
_SLOWEST = 3.0


def main() -> None:
    """Races, readings, answers."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers
    names = options.circuits.split(",")
    exams = range(2 if options.quick else 5)
    tasks = [(name, seed + 1, options.budget) for name in names for seed in range(options.seeds)]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        races = list(pool.map(raced, tasks))
        reading = partial(read, exams=exams, proposals=options.proposals, folder=None)
        readings = [one for found in pool.map(reading, names) for one in found]
        told = pool.submit(_answers, options.answers).result()
    rows = [row for name in names for row in _race_rows(name, races)]
    rows += [row for name in names for row in _reading_rows(name, readings)]
    report([*rows, *_answer_rows(told)], options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--circuits", help="separated by commas")
    found.add_argument("--seeds", type=int, help="jobs of each circuit; 10")
    found.add_argument("--budget", type=int, help="simulations of a job; 105")
    found.add_argument("--proposals", type=int, help="after each prompt; 20")
    found.add_argument("--answers", type=int, help="of the check of their form; 500")
    found.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at one time")
    options = found.parse_args()
    quick = options.quick
    options.circuits = options.circuits or ("five_transistor_ota" if quick else ",".join(CIRCUITS))
    options.seeds = options.seeds or (2 if quick else 10)
    options.budget = options.budget or (10 if quick else 105)
    options.proposals = options.proposals or (2 if quick else 20)
    options.answers = options.answers or (8 if quick else 500)
    if unknown := set(options.circuits.split(",")) - set(library_names()):
        found.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(library_names())}")
    return options


def _race_rows(name: str, races: Sequence[Race]) -> list[Row]:
    runs = [one for one in races if one.circuit == name]
    ratio, low, high = median_ratio([[one.local for one in runs]], [[one.sobol for one in runs]])
    first = Row(
        name=f"embedded/sims-to-specs/{name}",
        ours=median(one.local for one in runs),
        peer=median(one.sobol for one in runs),
        peer_name="GP-BO from a Sobol start",
        unit="simulations",
        ratio=ratio,
        goal=_GOAL,
        holds=ratio >= _GOAL,
        n=len(runs),
        low=low,
        high=high,
        detail={
            "local": [one.local for one in runs],
            "sobol": [one.sobol for one in runs],
        },
    )
    starts = [mean(one.start) for one in runs], [mean(one.random) for one in runs]
    best = [max(one.start) for one in runs], [max(one.random) for one in runs]
    detail = {"best": median(best[0]), "best random": median(best[1]), "designs": INITIAL}
    return [first, _gain(f"embedded/start/{name}", *starts, "five random designs", detail)]


def _reading_rows(name: str, readings: Sequence[Reading]) -> list[Row]:
    found = [one for one in readings if one.circuit == name]
    top = [one.top for one in found]
    detail = {
        "pool": mean(one.pool for one in found),
        "better than all demonstrations": mean(one.better for one in found),
    }
    peers = {"random": [one.random for one in found], "none": [one.none for one in found]}
    return [
        _gain(f"embedded/demonstrations/{name}/top-vs-{arm}", top, peer, f"{arm} shown", detail)
        for arm, peer in peers.items()
    ]


def _gain(
    name: str, ours: Sequence[float], peer: Sequence[float], who: str, detail: dict[str, float]
) -> Row:
    """By how much ours is ahead: figures of merit may be negative, so that no ratio fits."""
    ahead = [mine - theirs for mine, theirs in zip(ours, peer, strict=True)]
    spread = stdev(ahead) if len(ahead) > 1 else 0.0
    return Row(
        name=name,
        ours=mean(ours),
        peer=mean(peer),
        peer_name=who,
        unit="mean figure of merit",
        ratio=None,
        goal=None,
        holds=mean(ahead) > 0,
        n=len(ahead),
        low=min(ahead),
        high=max(ahead),
        detail={"ahead": mean(ahead), "standard deviation": spread, **detail},
    )


def _answers(count: int) -> tuple[list[Told], int]:
    """`count` proposals at temperature 1 over the library, and how many are out of range."""
    import torch

    from ado_service.local_llm.pretrain.exams import spec_sets

    torch.set_num_threads(1)
    circuits = [load_circuit(name) for name in library_names()]
    told, wrong = [], 0
    with model(None) as engine:
        for seed in range(count):
            circuit = circuits[seed % len(circuits)]
            asked = Question(circuit, spec_sets(circuit)[0])
            one = answered(engine, replace(asked, count=1), seed, 1.0)
            wrong += outside(circuit, one.designs)
            told.append(one)
    return told, wrong


def _answer_rows(found: tuple[list[Told], int]) -> list[Row]:
    told, wrong = found
    good = sum(len(one.designs) == 1 and not one.wrong for one in told) - wrong
    share = good / len(told)
    valid = Row(
        name="embedded/valid", ours=share, peer=1.0, peer_name="all", unit="share", ratio=share,
        goal=1.0, holds=share == 1.0, n=len(told), low=None, high=None,
        detail={"wrong": [line for one in told for line in one.wrong][:5], "out of range": wrong},
    )  # fmt: skip
    return [
        valid,
        _seconds("first-token", [one.first for one in told]),
        _seconds("proposal", [one.whole for one in told]),
    ]


def _seconds(what: str, seconds: Sequence[float]) -> Row:
    slowest = max(seconds)
    return Row(
        name=f"embedded/seconds/{what}", ours=slowest, peer=_SLOWEST, peer_name="bound", unit="s",
        ratio=_SLOWEST / slowest, goal=1.0, holds=slowest <= _SLOWEST, n=len(seconds),
        low=min(seconds), high=slowest, detail={"median": median(seconds)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
