"""From what a user names to subjects: the designs of finished jobs, by circuit."""

from __future__ import annotations

from collections.abc import Iterable

from ado_service.jobs.asked import SubmissionError, find_circuit, job_specs
from ado_service.store.design_query import LARGEST_PAGE
from ado_service.store.errors import NotFound
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.store import Store
from ado_service.store.tuning_config import MOST_SOURCES
from ado_service.tunings.subject import Subject, subject

FEWEST = 10
"""Designs measured in full that a tuning needs at least."""


def too_few(known: int, total: int) -> SubmissionError:
    """The error of sources with so few designs measured in full, of so many."""
    return SubmissionError(
        "sources",
        f"{known} of the {total} designs on record were measured in full, and {FEWEST} are "
        "needed to learn from",
        "Run more jobs on the circuit, or name more of them",
    )


def find_jobs(store: Store, sources: Iterable[str]) -> list[JobRecord]:
    """The jobs that `sources` name, each once: by id, or all finished ones of a circuit.

    Raises:
        SubmissionError: a source that is neither, a job that has not ended, a circuit without a
            finished job.
    """
    found: dict[str, JobRecord] = {}
    for place, source in enumerate(sources):
        for job in _jobs(store, f"sources.{place}", source):
            found[job.id] = job
    return list(found.values())


def subjects_of(store: Store, jobs: Iterable[JobRecord]) -> list[Subject]:
    """The designs of these jobs, one subject for each version of a circuit."""
    by_circuit: dict[str, list[JobRecord]] = {}
    for job in sorted(jobs, key=lambda job: (job.created_at, job.id)):
        by_circuit.setdefault(job.circuit_hash, []).append(job)
    return [_subject(store, digest, some) for digest, some in sorted(by_circuit.items())]


def _subject(store: Store, digest: str, jobs: Iterable[JobRecord]) -> Subject:
    circuit = store.circuits.get(digest).definition
    designs = (one for job in jobs for one in store.designs.of_job(job.id))
    return subject(circuit, designs, [job_specs(circuit, job.config) for job in jobs])


def _jobs(store: Store, field: str, source: str) -> list[JobRecord]:
    try:
        job = store.jobs.get(source)
    except NotFound:
        return _finished(store, field, source)
    if not job.state.ended:
        problem = f"job {source} is {job.state.value}"
        raise SubmissionError(field, problem, "Wait for its end, cancel it, or leave it out")
    return [job]


def _finished(store: Store, field: str, source: str) -> list[JobRecord]:
    """The finished jobs of a circuit, the newest first: as many as are learned from at most."""
    try:
        circuit = find_circuit(store, source)
    except SubmissionError as error:
        problem = f"no job and no circuit {source!r}"
        cure = f"Name a job of this database, or a circuit. {error.cure}"
        raise SubmissionError(field, problem, cure) from error
    jobs: list[JobRecord] = []
    cursor: str | None = None
    while len(jobs) < MOST_SOURCES:
        page = store.jobs.page(
            JobQuery(
                state=JobState.FINISHED,
                circuit_name=circuit.name,
                limit=LARGEST_PAGE,
                cursor=cursor,
            )
        )
        jobs += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    if not jobs:
        problem = f"no job on {circuit.name} has finished"
        raise SubmissionError(field, problem, "Run one first: ado run " + circuit.name)
    return jobs
