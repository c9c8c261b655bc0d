"""One run as a job of the service, in a process that it has to itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ado_service.commands.console import log_to_stderr
from ado_service.jobs.runner_name import runner_name
from ado_service.jobs.submit import submit
from ado_service.proposers.llm_agent import TURNS_A_ROUND
from ado_service.settings import Settings, load_settings
from ado_service.store.job_record import JobRecord, JobState, WantedState
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.transcript_record import NewTranscript
from benchmarks.paper_runs.mark import Mark, put
from benchmarks.paper_runs.on_record import Wanted

if TYPE_CHECKING:
    from ado_service.jobs.runner import Runner

_WAIT_SECONDS = 0.5


class Interrupted(Exception):  # noqa: N818 - the user asked for it
    """The run was handed back before its end; it goes on where it stands."""


class RunFailedError(RuntimeError):
    """A run that cannot be brought to its end; the text says why."""


@dataclass(frozen=True, slots=True)
class Task:
    """A run to do.

    Attributes:
        wanted: what it is.
        mark: is noted on its job.
        job_id: of the job to go on with; None to submit one.
        opening: a job whose initial turns this one is to have; None for its own.
    """

    wanted: Wanted
    mark: Mark
    job_id: str | None = None
    opening: str | None = None


def set_up_process() -> None:
    """Of a pool: one thread for numerics, logs to standard error, no ear for Ctrl-C.

    Ctrl-C reaches every process of the terminal; the parent ends the others by SIGTERM.
    """
    import torch

    torch.set_num_threads(1)
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def own_settings(database_url: str) -> Settings:
    """The user's settings for runs on this machine alone, one simulator host each.

    Raises:
        SettingsError: see `load_settings`.
    """
    return load_settings(database_url=database_url, processes=1, dask_address=None)


def carry_out(task: Task, database_url: str) -> str:
    """Bring a run to its end; SIGTERM hands its job back.

    Returns:
        The id of the job.

    Raises:
        Interrupted: the job was handed back.
        RunFailedError: the job failed, or this machine cannot run it.
    """
    from ado_service.jobs.runner import Runner  # torch takes seconds to import: not for --help

    settings = own_settings(database_url)
    with Store.open(database_url) as store, _handed_back_by_sigterm() as drain:
        job = _job(store, settings, task)
        runner, owner = Runner(store, settings, drain=drain.is_set), runner_name()
        while not job.state.ended:
            lease = store.leases.claim(owner, settings.lease_seconds, job.id)
            if lease is not None:
                _run(store, runner, lease, task)
            else:  # a killed runner's lease has to run out
                drain.wait(_WAIT_SECONDS)
            job = store.jobs.get(job.id)
            if drain.is_set() or job.state is JobState.PAUSED:
                break
        if not job.state.ended:
            raise Interrupted(task.wanted.name)
        if job.state is not JobState.FINISHED:
            raise RunFailedError(f"{task.wanted.name}, {job.id}: {job.state.value}, {job.message}")
    return job.id


def _job(store: Store, settings: Settings, task: Task) -> JobRecord:
    """The job of the task, wanted to run."""
    if task.job_id is None:
        return submit(store, settings, task.wanted.circuit, task.wanted.config)[0]
    job = store.jobs.get(task.job_id)
    return job if job.state.ended else store.jobs.set_wanted_state(job.id, WantedState.RUN)


def _run(store: Store, runner: Runner, lease: Lease, task: Task) -> None:
    put(store, lease, task.mark)
    if task.opening is not None:
        _copy_opening(store, lease, task.opening)
    fault = runner.run(lease)
    if fault is not None:
        raise RunFailedError(f"{task.wanted.name}, {lease.job_id}: {fault}")


def _copy_opening(store: Store, lease: Lease, source: str) -> None:
    """Put another job's initial turns on record, as they are, unless that was done.

    The job then finds its answers on record, as a resumed one does, and asks from its first round
    on. What the turns cost counts in each job: a user of that arm alone would pay it.
    """
    for turn in store.transcripts.of_job(source):
        known = store.transcripts.get(lease.job_id, turn.turn) is not None
        if turn.turn < TURNS_A_ROUND and not known:
            fields = turn.model_dump(include=set(NewTranscript.model_fields))
            store.transcripts.put(lease, NewTranscript.model_validate(fields))


@contextmanager
def _handed_back_by_sigterm() -> Iterator[threading.Event]:
    drain = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: drain.set())
    try:
        yield drain
    finally:
        signal.signal(signal.SIGTERM, before)
