"""The jobs: made, listed, and told what is wanted of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ado_service.job_config import JobConfig, Method
from ado_service.store.errors import (
    BadCursor,
    IdempotencyConflict,
    JobEnded,
    NotFound,
)
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.jobs import Idempotency
from ado_service.store.store import Store
from tests.ado_service.store.builders import GAIN, circuit, claimed, new_job


def test_a_new_job_is_queued(store: Store) -> None:
    config = JobConfig(seed=2**63 - 1, specs=(GAIN,), method=Method.GP_BO, time_limit=0.1)
    job, created = store.jobs.create(circuit(), config, message="as before")
    assert created
    assert job == store.jobs.get(job.id)
    assert job.config == config
    assert (job.circuit_name, job.circuit_hash) == ("amplifier", circuit().content_hash)
    assert store.circuits.get(job.circuit_hash).definition == circuit()
    assert job.message == "as before"
    assert (job.state, job.wanted_state) == (JobState.QUEUED, WantedState.RUN)
    assert (job.simulations, job.best, job.simulations_to_all_specs) == (0, None, None)
    assert (job.started_at, job.finished_at, job.version) == (None, None, 1)
    assert abs(datetime.now(UTC) - job.created_at) < timedelta(minutes=1)
    assert job.created_at.tzinfo is UTC
    assert [event.kind for event in store.events.after(job.id)] == ["created"]


def test_a_job_that_cannot_be_written_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ado_service.store.jobs.record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    assert store.circuits.newest() == []
    job, created = store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    assert created, "the failed call must not have kept the key"
    assert store.jobs.page().items == (job,)


def test_the_same_key_gives_the_same_job(store: Store) -> None:
    first, created = store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    again, created_again = store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    assert (created, created_again) == (True, False)
    assert again == first
    assert len(store.jobs.page().items) == 1


def test_a_key_stands_for_one_request(store: Store) -> None:
    store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    with pytest.raises(IdempotencyConflict, match="use a new key"):
        store.jobs.create(circuit("other"), JobConfig(), Idempotency("key", "other"))
    assert len(store.jobs.page().items) == 1
    assert [one.name for one in store.circuits.newest()] == ["amplifier"]


def test_a_key_is_looked_up(store: Store) -> None:
    assert store.jobs.of_key(Idempotency("key", "hash")) is None
    job, _ = store.jobs.create(circuit(), JobConfig(), Idempotency("key", "hash"))
    assert store.jobs.of_key(Idempotency("key", "hash")) == job
    with pytest.raises(IdempotencyConflict, match="use a new key"):
        store.jobs.of_key(Idempotency("key", "other"))


@pytest.mark.parametrize("job_id", ["job_none", "", "\0", "x" * 100_000])
def test_an_unknown_job_is_named(store: Store, job_id: str) -> None:
    with pytest.raises(NotFound, match="list the jobs"):
        store.jobs.get(job_id)
    with pytest.raises(NotFound, match="list the jobs"):
        store.jobs.set_wanted_state(job_id, WantedState.RUN)


def test_a_queued_job_pauses_and_goes_on(store: Store) -> None:
    job_id = new_job(store)
    assert store.jobs.set_wanted_state(job_id, WantedState.PAUSE).state is JobState.PAUSED
    assert store.leases.claim("runner", 60) is None
    assert store.jobs.set_wanted_state(job_id, WantedState.RUN).state is JobState.QUEUED
    assert store.leases.claim("runner", 60) is not None


@pytest.mark.parametrize("pause_first", [False, True])
def test_a_job_that_nobody_runs_is_cancelled_at_once(store: Store, pause_first: bool) -> None:
    job_id = new_job(store)
    if pause_first:
        store.jobs.set_wanted_state(job_id, WantedState.PAUSE)
    job = store.jobs.set_wanted_state(job_id, WantedState.CANCEL)
    assert job.state is JobState.CANCELLED
    assert job.finished_at is not None
    assert store.leases.claim("runner", 60) is None
    assert store.jobs.set_wanted_state(job_id, WantedState.CANCEL) == job


def test_a_running_job_is_only_asked(store: Store) -> None:
    lease = claimed(store)
    before = store.jobs.get(lease.job_id)
    job = store.jobs.set_wanted_state(lease.job_id, WantedState.CANCEL)
    assert (job.state, job.wanted_state) == (JobState.RUNNING, WantedState.CANCEL)
    assert job.version > before.version
    last = store.events.after(lease.job_id)[-1]
    assert (last.kind, last.data) == ("wanted_state", {"wanted_state": "cancel"})


def test_asking_for_what_is_wanted_changes_nothing(store: Store) -> None:
    job_id = new_job(store)
    before, events = store.jobs.get(job_id), store.events.after(job_id)
    assert store.jobs.set_wanted_state(job_id, WantedState.RUN) == before
    assert store.events.after(job_id) == events


@pytest.mark.parametrize("state", [JobState.FINISHED, JobState.FAILED, JobState.CANCELLED])
def test_an_ended_job_never_changes(store: Store, state: JobState) -> None:
    lease = claimed(store)
    store.leases.release(lease, state)
    before = store.jobs.get(lease.job_id)
    for wanted in (WantedState.RUN, WantedState.PAUSE):
        with pytest.raises(JobEnded, match="start a new one"):
            store.jobs.set_wanted_state(lease.job_id, wanted)
    assert store.jobs.get(lease.job_id) == before


def test_jobs_are_listed_newest_first_page_by_page(store: Store) -> None:
    made = [new_job(store) for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = store.jobs.page(JobQuery(limit=3, cursor=cursor))
        seen += [job.id for job in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == made[::-1]


def test_jobs_are_filtered_by_state_and_circuit(store: Store) -> None:
    queued, other = new_job(store), claimed(store).job_id
    beta, _ = store.jobs.create(circuit("beta"), JobConfig())

    def ids(**filters: str) -> list[str]:
        return [job.id for job in store.jobs.page(JobQuery.model_validate(filters)).items]

    assert ids(state="running") == [other]
    assert ids(state="queued") == [beta.id, queued]
    assert ids(circuit_name="beta") == [beta.id]
    assert ids(state="running", circuit_name="beta") == []
    assert ids(circuit_name="\0") == []
    assert store.jobs.count_by_state() == {
        **dict.fromkeys(JobState, 0),
        JobState.QUEUED: 2,
        JobState.RUNNING: 1,
    }


def test_a_cursor_is_of_its_query(store: Store) -> None:
    for _ in range(2):
        new_job(store)
    cursor = store.jobs.page(JobQuery(limit=1)).next_cursor
    with pytest.raises(BadCursor, match="another query"):
        store.jobs.page(JobQuery(limit=1, state=JobState.QUEUED, cursor=cursor))
    assert len(store.jobs.page(JobQuery(limit=2, cursor=cursor)).items) == 1
