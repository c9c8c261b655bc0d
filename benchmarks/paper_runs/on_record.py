"""Which runs of the benchmark a design database has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from ado_service.job_config import JobConfig
from ado_service.store.design_query import LARGEST_PAGE
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.store import Store
from benchmarks.paper_runs.mark import Mark, marks
from circuits.loader import load_circuit

_GIVEN_UP = {JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that the benchmark asks for.

    Attributes:
        circuit: of the library.
        arm: name of it.
        config: its job; where it names no LLM profile, a run with any will do.
        model: that the run asks; None where any will do.
        code: that the run was made by; None where any will do.
    """

    circuit: str
    arm: str
    config: JobConfig
    model: str | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.circuit} {self.arm} seed {self.config.seed}"


@dataclass(frozen=True, slots=True)
class Noted:
    """A job of the benchmark, and what was noted on it."""

    job: JobRecord
    marks: tuple[Mark, ...]

    def is_run(self, wanted: Wanted, circuit_hash: str) -> bool:
        """Whether it is the wanted run, finished or on its way."""
        return (
            self.job.circuit_hash == circuit_hash
            and self.marks[0].arm == wanted.arm
            and _decisive(self.job.config, wanted) == _decisive(wanted.config, wanted)
            and all(wanted.model in {None, mark.model} for mark in self.marks)
            and all(wanted.code in {None, mark.code} for mark in self.marks)
        )


@dataclass(frozen=True, slots=True)
class OnRecord:
    """The jobs of the benchmark as they stood when they were read, the newest first."""

    jobs: tuple[Noted, ...]

    @classmethod
    def read(cls, store: Store) -> Self:
        """All of a database that were not given up."""
        noted = (
            Noted(job, found)
            for job in _all_jobs(store)
            if job.state not in _GIVEN_UP and (found := marks(store, job.id))
        )
        return cls(tuple(noted))

    def find(self, wanted: Wanted) -> Noted | None:
        """The run, a finished one before one on its way; None where there is neither."""
        circuit_hash = load_circuit(wanted.circuit).content_hash
        found = [one for one in self.jobs if one.is_run(wanted, circuit_hash)]
        ended = [one for one in found if one.job.state.ended]
        return next(iter([*ended, *found]), None)

    def finished(self, wanted: Wanted) -> Noted | None:
        """The run, if it has come to its end."""
        found = self.find(wanted)
        return found if found is not None and found.job.state.ended else None


def _decisive(config: JobConfig, wanted: Wanted) -> dict[str, Any]:
    """What must be equal."""
    return config.model_dump(exclude={"llm"} if wanted.config.llm is None else None)


def _all_jobs(store: Store) -> Iterator[JobRecord]:
    cursor = None
    while True:
        page = store.jobs.page(JobQuery(limit=LARGEST_PAGE, cursor=cursor))
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
