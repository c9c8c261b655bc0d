"""The paper's tables on our two circuits: GP-BO, LLM agent and ADO-LLM, at equal simulations.

Each arm is a job of the service with the objective `fom`: 5 initial designs and 20 rounds of 5
(`gp-bo-405`: 80 rounds). Arms that ask a model run with `--llm PROFILE`, one of the service's
settings, and are left out without. Runs are kept in the design database `--database`, every LLM
turn with them, and not run again: an interrupted benchmark goes on where it stopped. After a
change of code name another database (rows say `other_code` where one is mixed). `--replay` asks
no model: recorded runs are run again from their transcripts, and must give the same designs.

Arms of a seed that start at random start from the same five designs. Those that start with the LLM
have the same five of `zero-shot`, of which every such job gets the turns: at a temperature above 0
each would otherwise get others. What these turns cost counts in each.

`fom/CIRCUIT/ARM`: median of the best FOM; its detail has quartiles, simulations to all specs, who
proposed what, LLM usage, and the paper's own figure, which is of another process.
`specs-missed/CIRCUIT/ARM`: of the best design. Then one arm against another, the ratio being that
of the gains over the worst FOM there is (all specs missed), with its 95% bootstrap interval over
the seeds that both have: `methods/...` the paper's table, in which ADO-LLM starts with the LLM and
GP-BO at random; `matched/...` the same from like starts; `start/...` LLM against random start;
`demonstrations/...` top 5, random 5 and none; `ours/...` a GP per metric against the paper's GP on
the FOM, with and without the LLM; `baseline/...` GP-BO against random search. Over both circuits,
`start/llm-vs-random` (of GP-BO), `demonstrations/top-vs-random` and `demonstrations/top-vs-none`
(of ADO-LLM) count the pairs of runs that one or the other wins.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ado_service.commands.console import log_to_stderr
from ado_service.llm.local_chat import local_profile
from ado_service.llm.profile import LLMProfile, MissingKeyError
from ado_service.local_llm import embedded
from ado_service.settings import SettingsError, load_settings
from ado_service.store.errors import StoreError
from ado_service.store.store import Store
from benchmarks.paper_runs.arms import ARMS, FULL_BUDGET, INITIAL, ZERO_SHOT
from benchmarks.paper_runs.campaign import Campaign
from benchmarks.paper_runs.on_record import OnRecord
from benchmarks.paper_runs.replays import Replay, compare, replays_of
from benchmarks.paper_runs.rows import Field, left_out, rows
from benchmarks.paper_runs.run import Interrupted, RunFailedError, set_up_process
from benchmarks.paper_runs.transcripts import write_transcripts
from benchmarks.paper_runs.work import Work
from benchmarks.report import parser, report
from circuits.loader import library_names

CIRCUITS = ("two_stage_amplifier", "hysteresis_comparator")
_DATABASE = Path("paper.db")
_QUICK_BUDGET = 8
_NO_PROFILE = (
    "asks a model: name one of the service's LLM profiles with --llm PROFILE "
    "(docs/llm.md says how to write one)"
)
_NOT_RECORDED = (
    "not on record: run it without --replay and --report, and with --llm PROFILE if it asks a model"
)


def main() -> None:
    """Run what is not on record, then print rows from all that is."""
    started = time.monotonic()
    options, profile = _options()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes: a fit on one core each
    log_to_stderr()
    try:
        with tempfile.TemporaryDirectory(prefix="ado-paper-") as scratch:
            file: Path = options.database or Path(scratch) / _DATABASE
            found = _compare(options, profile, f"sqlite:///{file.absolute()}")
    except (Interrupted, KeyboardInterrupt):
        kept = "the same command goes on" if options.database else "with --database it would go on"
        print(f"interrupted; {kept}", file=sys.stderr)
        sys.exit(130)
    except (RunFailedError, StoreError) as error:
        sys.exit(f"error: {error}")
    report([*rows(found), *left_out(_missing(options, found))], options, started)
    if any(one.first_difference is not None for one in found.replays):
        sys.exit("error: a replay gave other designs than its record; see `replayed` in the rows")


def _compare(options: argparse.Namespace, profile: LLMProfile | None, url: str) -> Field:
    """All runs that are asked for, on record when it returns; and their replays."""
    campaign = Campaign(
        circuits=tuple(options.circuits.split(",")),
        arms=_arms(options),
        seeds=tuple(range(1, options.seeds + 1)),
        budget=options.budget,
        profile=options.llm,
        model=None if profile is None else profile.model,
    )
    replays: list[Replay] = []
    with Store.open(url) as store:
        if not options.report:
            with _pool(options.workers) as pool:
                replays = _run(
                    campaign, Work(store, url, pool, options.workers), replay=options.replay
                )
        results = campaign.results(store)
        if options.transcripts is not None:
            write_transcripts(store, results, options.transcripts)
    return Field(results, replays, "" if profile is None else profile.currency)


def _run(campaign: Campaign, work: Work, *, replay: bool) -> list[Replay]:
    """Run what is missing; instead of asking a model, replay what is recorded if that is asked."""
    if not replay:
        work.run_missing(campaign)
        return []
    asking = campaign.of([name for name in campaign.arms if ARMS[name].needs_llm])
    work.run_missing(campaign.of([name for name in campaign.arms if name not in asking.arms]))
    replays = replays_of(asking, OnRecord.read(work.store))
    work.run(replays)
    return compare(work.store, replays)


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Processes that hand their jobs back when this one is interrupted.

    Processes, not threads: a fit on one core must not wait for another's lock.
    """
    context = multiprocessing.get_context("spawn")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    pool = ProcessPoolExecutor(workers, context, initializer=set_up_process)
    try:
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown()


def _arms(options: argparse.Namespace) -> tuple[str, ...]:
    """The arms that can run, in the order of their rows; with an LLM start, its source too."""
    asks = options.llm is not None or options.replay or options.report
    able = {name for name in options.methods.split(",") if asks or not ARMS[name].needs_llm}
    if any(ARMS[name].starts_with_llm for name in able):
        able.add(ZERO_SHOT)
    return tuple(name for name in ARMS if name in able)


def _missing(options: argparse.Namespace, found: Field) -> dict[tuple[str, str], str]:
    """Arms that were asked for and have no run on a circuit, and why."""
    here = set(_arms(options))
    return {
        (circuit, arm): _NOT_RECORDED if arm in here else _NO_PROFILE
        for circuit in options.circuits.split(",")
        for arm in options.methods.split(",")
        if not found.of(circuit, arm)
    }


def _options() -> tuple[argparse.Namespace, LLMProfile | None]:
    """The options, and the LLM profile that they name."""
    found = parser(__doc__ or "")
    found.add_argument("--methods", default=",".join(ARMS), help="arms, separated by commas")
    found.add_argument("--circuits", help="separated by commas")
    found.add_argument("--seeds", type=int, help="how many, from 1; 10")
    found.add_argument("--budget", type=int, help="simulations of a run, at least 6; 105")
    found.add_argument("--workers", type=int, default=2, help="jobs at one time")
    found.add_argument("--llm", metavar="PROFILE", help="LLM profile of the settings, or local")
    found.add_argument("--database", type=Path, help=f"SQLite file of all runs; {_DATABASE}")
    found.add_argument("--transcripts", type=Path, metavar="FOLDER", help="write LLM turns there")
    found.add_argument("--replay", action="store_true", help="ask no model, replay recorded runs")
    found.add_argument("--report", action="store_true", help="run nothing, print what is on record")
    options = found.parse_args()
    _fill_in(options)
    _check(found, options)
    return options, _profile(found, options)


def _fill_in(options: argparse.Namespace) -> None:
    """Defaults; a quick comparison leaves no trace unless it is told where."""
    quick = options.quick
    options.circuits = options.circuits or (CIRCUITS[0] if quick else ",".join(CIRCUITS))
    options.seeds = options.seeds or (2 if quick else 10)
    options.budget = options.budget or (_QUICK_BUDGET if quick else FULL_BUDGET)
    if not quick:
        options.database = options.database or _DATABASE


def _check(found: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    for what, known in (("methods", set(ARMS)), ("circuits", set(library_names()))):
        unknown = sorted(set(getattr(options, what).split(",")) - known)
        if unknown:
            listed = ", ".join(sorted(known))
            found.error(f"unknown {what}: {', '.join(unknown)}; known: {listed}")
    if options.workers < 1 or options.seeds < 1:
        found.error("--workers and --seeds are at least 1")
    if options.budget <= INITIAL:
        found.error(f"--budget {options.budget} leaves no round after {INITIAL} initial designs")
    if (options.replay or options.report) and not (options.database and options.database.is_file()):
        found.error("--replay and --report need the --database that the runs were recorded in")


def _profile(found: argparse.ArgumentParser, options: argparse.Namespace) -> LLMProfile | None:
    """The profile that is asked, its key at hand; for recorded runs only if it is configured."""
    try:
        profiles = load_settings().llm_profiles
        profile = None if options.llm is None else profiles.get(options.llm)
        if profile is None and options.llm == embedded.NAME and embedded.is_there():
            profile = local_profile(embedded.NAME)
        if options.llm is None or options.replay or options.report:
            return profile
        if profile is None:
            known = ", ".join(sorted(profiles)) or "none is configured"
            found.error(f"no LLM profile {options.llm!r}; known are: {known} (docs/llm.md)")
        profile.key()
    except (SettingsError, MissingKeyError) as error:
        found.error(str(error))
    return profile


if __name__ == "__main__":
    main()
