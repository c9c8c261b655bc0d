"""Brings what is missing on record: runs that others start from first, the rest after them."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from ado_service.store.job_record import JobRecord
from ado_service.store.store import Store
from benchmarks.paper_runs.arms import ARMS, ZERO_SHOT
from benchmarks.paper_runs.campaign import Campaign
from benchmarks.paper_runs.mark import Mark, code_hash
from benchmarks.paper_runs.on_record import OnRecord, Wanted
from benchmarks.paper_runs.run import RunFailedError, Task, carry_out
from benchmarks.report import commit

Openings = Mapping[tuple[str, int], str]
"""By circuit and seed, the job whose initial turns the arms with an LLM start have."""


@dataclass(frozen=True)
class Work:
    """Runs what is not on record; a run is on record as it goes, and a stopped one goes on.

    Attributes:
        store: the design database.
        database_url: of the same, for the processes.
        pool: where the runs go.
        workers: how many at one time; no run waits in the pool, so that none is begun once the
            benchmark is interrupted.
    """

    store: Store
    database_url: str
    pool: Executor
    workers: int
    head: str = field(default_factory=commit)

    def run_missing(self, campaign: Campaign) -> None:
        """All runs of a campaign.

        Raises:
            RunFailedError: see `carry_out`; or the model gave no answer to start from.
            Interrupted: see `carry_out`.
        """
        wanted = list(campaign.wanted())
        starts = [one for one in wanted if one.arm == ZERO_SHOT]
        self.run(starts)
        self.run([one for one in wanted if one.arm != ZERO_SHOT], self._openings(starts))

    def run(self, wanted: Iterable[Wanted], openings: Openings | None = None) -> None:
        """These runs.

        Raises:
            RunFailedError, Interrupted: see `carry_out`.
        """
        record = OnRecord.read(self.store)
        tasks = [task for one in wanted if (task := self._task(one, record, openings or {}))]
        for number, (task, job_id) in enumerate(self._ended(tasks), 1):
            _say(number, len(tasks), self.store.jobs.get(job_id), task.wanted.arm)

    def _ended(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, str]]:
        """The tasks as they end, with their jobs; never more than `workers` are in the pool."""
        waiting, running = deque(tasks), dict[Future[str], Task]()
        while waiting or running:
            while waiting and len(running) < self.workers:
                task = waiting.popleft()
                running[self.pool.submit(carry_out, task, self.database_url)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()

    def _task(self, wanted: Wanted, record: OnRecord, openings: Openings) -> Task | None:
        """What is to be done; None where the run is finished and stands."""
        found = record.find(wanted)
        if found is not None and found.job.state.ended:
            if wanted.arm != ZERO_SHOT or self._fault(found.job.id) is None:
                return None
            found = None
        arm, mark = ARMS[wanted.arm], Mark(wanted.arm, wanted.model or "", self.head, code_hash())
        opens = arm.starts_with_llm and wanted.config.replay is None
        opening = openings.get((wanted.circuit, wanted.config.seed)) if opens else None
        return Task(wanted, mark, None if found is None else found.job.id, opening)

    def _openings(self, starts: Iterable[Wanted]) -> Openings:
        """The jobs of these runs, all of which are finished.

        Raises:
            RunFailedError: one got no answer: what started from it would be no run with an LLM.
        """
        record = OnRecord.read(self.store)
        found = {}
        for one in starts:
            run = record.finished(one)
            if run is None:
                raise RunFailedError(f"{one.name} is not on record; run the same command again")
            fault = self._fault(run.job.id)
            if fault is not None:
                raise RunFailedError(
                    f"{one.name}: profile {one.config.llm} gave no answer to start from ({fault}); "
                    "see that it answers (`ado doctor`), then run the same command again"
                )
            found[one.circuit, one.config.seed] = run.job.id
        return found

    def _fault(self, job_id: str) -> str | None:
        """Why the model answered no turn of the job; None where it answered one."""
        turns = self.store.transcripts.of_job(job_id)
        if not turns or any(turn.failure is None for turn in turns):
            return None
        return f"{turns[-1].failure}: {turns[-1].detail[:200]}"


def _say(number: int, total: int, job: JobRecord, arm: str) -> None:
    first = job.simulations_to_all_specs
    met = f"all specs at {first}" if first else "specs not met"
    fom = "no FOM" if job.best is None else f"best FOM {job.best.fom:.3f}"
    print(
        f"[{number}/{total}] {job.circuit_name} {arm} seed {job.config.seed}: {fom}, {met}, "
        f"{job.simulations} simulations",
        file=sys.stderr,
        flush=True,
    )
