"""Whether the server answers while it computes: `/v1/healthz` beside a generation and a tuning.

`ado serve` on this machine, with a LLaMA of some 25 million random weights and a few finished jobs,
is asked every 50 ms whether it lives: while it does nothing; while it takes its first chat
completion, for which it loads libraries and model; and while it streams answers of 400 tokens, one
after the other, beside a QST tuning.
`healthz/median`, `healthz/p95`, `healthz/p99`, `healthz/max`: milliseconds under load against
those when idle; `healthz/limit`: the longest under load against 100 ms; `healthz/first-answer`: the
longest up to the first token of the first completion against the same limit.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Row, parser, report
from benchmarks.responsiveness_runs.load import CIRCUIT, MODEL, generating, steps_of, tuning
from benchmarks.responsiveness_runs.polls import Polls, polled
from benchmarks.responsiveness_runs.server import serving

_EVERY = 0.05
_LIMIT = 100.0
"""Milliseconds that an answer may take."""
_FIRST_SECONDS = 120.0
_SHARES = {"median": 50, "p95": 95, "p99": 99, "max": 100}


@dataclass(frozen=True, slots=True)
class Found:
    """Answers of a server that does nothing, that loads its model, and that is busy.

    Attributes:
        work: what it did meanwhile.
    """

    idle: Polls
    first: Polls
    loaded: Polls
    work: dict[str, Any]


def main() -> None:
    """Measure and print."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="ado-responsiveness-") as folder:
        weights = _prepared(Path(folder), jobs=options.jobs, budget=options.budget)
        with serving(Path(folder)) as port:
            found = _measured(port, options.seconds)
    report(_rows(found, weights), options, started)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--seconds", type=float, help="of asking, idle and busy each; 30")
    found.add_argument("--jobs", type=int, help="that the tuning learns from; 3")
    found.add_argument("--budget", type=int, help="simulations of each; 20")
    options = found.parse_args()
    options.seconds = options.seconds or (5.0 if options.quick else 30.0)
    options.jobs = options.jobs or (1 if options.quick else 3)
    options.budget = options.budget or 20
    return options


def _prepared(folder: Path, *, jobs: int, budget: int) -> int:
    """A database with the model and finished jobs; the number of weights."""
    from ado_service.commands.console import log_to_stderr
    from ado_service.job_config import JobConfig, Method
    from ado_service.local_llm.quantization import Quantization
    from ado_service.model_registration import register_model
    from ado_service.settings import Settings
    from ado_service.store.store import Store
    from benchmarks.responsiveness_runs.model import save_small_model
    from benchmarks.sized_job import sized
    from circuits.loader import load_circuit

    log_to_stderr()
    settings = Settings(data_dir=folder, processes=1)
    weights = save_small_model(folder / MODEL)
    with Store.open(settings.database_url) as store:
        register_model(store, folder / MODEL, quantization=Quantization.NONE, device="cpu")
        for seed in range(jobs):
            config = JobConfig(
                method=Method.RANDOM, budget=budget, seed=seed + 1, stop_when_feasible=False
            )
            sized(store, settings, load_circuit(CIRCUIT), config)
    return weights


def _measured(port: int, seconds: float) -> Found:
    for_a_while: Callable[[float], bool] = lambda passed: passed < seconds  # noqa: E731
    idle = polled(port, _EVERY, for_a_while)
    with generating(port) as pieces:
        first = polled(port, _EVERY, lambda passed: pieces.value < 2 and passed < _FIRST_SECONDS)
        if pieces.value < 2:
            raise RuntimeError(f"no token within {_FIRST_SECONDS:g} s")
        with tuning(port) as begun:
            told = pieces.value
            loaded = polled(port, _EVERY, for_a_while)
            work = {
                "pieces_of_text": pieces.value - told,
                "steps_of_tuning": steps_of(port, begun["id"]) - begun["step"],
            }
    return Found(idle, first, loaded, work)


def _rows(found: Found, weights: int) -> list[Row]:
    rows = [
        _row(name, found.loaded.percentile(share), found.idle.percentile(share), "idle", found)
        for name, share in _SHARES.items()
    ]
    detail = {
        "weights": weights,
        **found.work,
        "answers_over_the_limit": found.loaded.above(_LIMIT),
        "answers_over_the_limit_when_idle": found.idle.above(_LIMIT),
    }
    rows.append(_limit("limit", found.loaded, detail))
    over = {"answers_over_the_limit": found.first.above(_LIMIT)}
    rows.append(_limit("first-answer", found.first, over))
    return rows


def _limit(name: str, polls: Polls, detail: dict[str, Any]) -> Row:
    ours = polls.percentile(100)
    return Row(
        name=f"healthz/{name}", ours=ours, peer=_LIMIT, peer_name="limit", unit="ms",
        ratio=_LIMIT / ours, goal=1.0, holds=ours <= _LIMIT, n=len(polls.milliseconds),
        low=None, high=None, detail=detail,
    )  # fmt: skip


def _row(name: str, ours: float, peer: float, peer_name: str, found: Found) -> Row:
    return Row(
        name=f"healthz/{name}", ours=ours, peer=peer, peer_name=peer_name, unit="ms",
        ratio=peer / ours, goal=None, holds=None, n=len(found.loaded.milliseconds),
        low=None, high=None, detail={},
    )  # fmt: skip


if __name__ == "__main__":
    main()
