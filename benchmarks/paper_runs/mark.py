"""What the benchmark notes in a job's log: which arm the job is, whom it asked, by which code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache

from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from benchmarks.peer_runs.fingerprint import source_hash

_KIND = "benchmark"
_DECISIVE = (
    "ado_service.loop",
    "ado_service.stages",
    "ado_service.proposers.models",
    "prompts.render",
    "prompts.parse",
    "prompts.version",
    "circuits.fom",
)
"""Modules that decide, with what they import of their own packages, the course of a run."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A note on a job, once for each claim of it.

    Attributes:
        arm: which one the job is.
        model: behind the profile; empty where nobody is asked.
        commit: of the tree.
        code: see `code_hash`.
    """

    arm: str
    model: str
    commit: str
    code: str


def put(store: Store, lease: Lease, mark: Mark) -> None:
    """Note it in the log of the leased job.

    Raises:
        LeaseLost: the lease no longer holds.
    """
    store.events.append(lease, _KIND, asdict(mark))


def marks(store: Store, job_id: str) -> tuple[Mark, ...]:
    """All notes on a job, the first claim's first; none of a job that is not the benchmark's."""
    return tuple(Mark(**event.data) for event in store.events.after(job_id, kind=_KIND))


@cache
def code_hash() -> str:
    """Of the code that decides the course of a run; comments and docstrings do not count."""
    return source_hash(_DECISIVE)
