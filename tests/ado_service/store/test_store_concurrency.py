"""Several writers at once, and writers that die."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from ado_service.job_config import JobConfig
from ado_service.store.design_record import DesignState
from ado_service.store.engine import make_engine
from ado_service.store.event_record import EventRecord
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.jobs import Idempotency
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.tables import design_metrics
from tests.ado_service.store.builders import (
    circuit,
    claimed,
    measured,
    new_job,
    outcome,
    proposed,
)

Result = TypeVar("Result")
_ROOT = Path(__file__).parents[3]


def writer(*arguments: str) -> subprocess.Popen[str]:
    """A writer process; see `writer.py`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ado_service.store.writer", *arguments],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _at_once(*calls: Callable[[], Result]) -> list[Result]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_no_job_is_claimed_twice(store: Store, database_url: str) -> None:
    made = {new_job(store) for _ in range(20)}

    def claim_all(owner: str) -> list[str]:
        claimed_ids = []
        with Store.open(database_url) as own:
            while (lease := own.leases.claim(owner, 60)) is not None:
                claimed_ids.append(lease.job_id)
        return claimed_ids

    first, second = _at_once(lambda: claim_all("first"), lambda: claim_all("second"))
    assert len(first + second) == 20
    assert set(first + second) == made


def test_one_key_makes_one_job_however_many_ask_at_once(store: Store) -> None:
    def create() -> tuple[str, bool]:
        job, created = store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
        return job.id, created

    answers = _at_once(*[create] * 8)
    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(created for _, created in answers) == [False] * 7 + [True]
    assert len(store.jobs.page().items) == 1


def test_a_lease_is_taken_over_once(store: Store) -> None:
    lost = claimed(store, seconds=0.0)
    time.sleep(0.01)
    taken = _at_once(*[lambda: store.leases.claim("next", 60)] * 8)
    assert [lease.epoch for lease in taken if lease is not None] == [lost.epoch + 1]


def test_who_follows_a_jobs_events_misses_none(store: Store) -> None:
    lease = claimed(store)
    done = threading.Event()
    seen: list[EventRecord] = []

    def follow() -> None:
        last_id = 0
        finished = False
        while not finished:
            finished = done.is_set()  # looked at before the poll: one more follows the end
            news = store.events.after(lease.job_id, last_id)
            seen.extend(news)
            last_id = news[-1].id if news else last_id

    def run() -> None:
        for number in range(60):
            store.events.append(lease, "round", {"round": number})

    def toggle() -> None:
        for _ in range(30):
            store.jobs.set_wanted_state(lease.job_id, WantedState.PAUSE)
            store.jobs.set_wanted_state(lease.job_id, WantedState.RUN)

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        _at_once(run, toggle, toggle)
    finally:
        done.set()
        follower.join()
    assert seen == store.events.after(lease.job_id, 0, 1000)
    assert [event.data["round"] for event in seen if event.kind == "round"] == [*range(60)]


def test_two_processes_write_at_once(store: Store, database_url: str) -> None:
    writers = [writer("busy", database_url, "1") for _ in range(2)]
    ready = [process.stdout.readline() for process in writers if process.stdout]
    outputs = _at_once(*[partial(process.communicate, "go\n", 60) for process in writers])
    assert [process.returncode for process in writers] == [0, 0], outputs
    assert ready == ["ready\n"] * 2
    finished = sorted(int(output.split()[-1]) for output, _ in outputs)
    assert finished[0] > 10, "both must have had their turn"
    jobs = store.jobs.page().items
    assert sorted(job.simulations for job in jobs) == finished
    for job in jobs:
        designs = store.designs.of_job(job.id)
        assert [design.index for design in designs] == [*range(job.simulations)]
        assert {design.state for design in designs} == {DesignState.DONE}


@pytest.mark.parametrize(
    ("words", "designs"),
    [("INSERT INTO designs", 0), ("UPDATE designs", 2), ("INSERT INTO design_metrics", 2)],
)
def test_a_killed_writer_leaves_nothing_half_written(
    store: Store, database_url: str, words: str, designs: int
) -> None:
    job_id = new_job(store)
    process = writer("stall", database_url, words)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.kill()
    _, complaint = process.communicate(timeout=10)
    assert line == "midway\n", complaint
    assert process.returncode == -9

    lease = _take_over(store, job_id)
    job = store.jobs.get(job_id)
    assert (job.simulations, job.best, job.simulations_to_all_specs) == (0, None, None)
    found = store.designs.of_job(job_id)
    assert [design.state for design in found] == [DesignState.PENDING] * designs
    assert _metric_rows(database_url) == 0
    assert "design" not in [event.kind for event in store.events.after(job_id)]

    pending = found or store.designs.add_pending(lease, [proposed(0), proposed(1)])
    for design in pending:
        store.designs.finish(lease, design.id, outcome(1.0))
    store.leases.release(lease, JobState.FINISHED)
    job = store.jobs.get(job_id)
    assert (job.state, job.simulations) == (JobState.FINISHED, 2)
    assert _metric_rows(database_url) == 2


def _take_over(store: Store, job_id: str) -> Lease:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if (lease := store.leases.claim("heir", 60, job_id)) is not None:
            return lease
        time.sleep(0.02)
    raise AssertionError("the lost job was never to be had")


def _metric_rows(url: str) -> int:
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            count: int = connection.execute(
                sa.select(sa.func.count()).select_from(design_metrics)
            ).scalar_one()
            return count
    finally:
        engine.dispose()


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    lease = claimed(store)
    [design] = measured(store, lease, outcome(1.0))
    with store._database.write() as connection:
        connection.execute(sa.delete(design_metrics))
        started = time.monotonic()
        assert store.designs.get(design.id) == design
        assert store.jobs.get(lease.job_id).simulations == 1
        assert time.monotonic() - started < 5
        connection.rollback()
