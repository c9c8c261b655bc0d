"""Who runs a job."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ado_service.store.errors import LeaseLost
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.transcript_record import NewTranscript
from tests.ado_service.store.builders import claimed, measured, new_job, outcome, proposed

_SHORT = 0.3


def _take_over(store: Store, job_id: str | None = None, owner: str = "second") -> Lease | None:
    """The next lease that is to be had, waited for a little longer than a short one lasts."""
    deadline = time.monotonic() + 10 * _SHORT
    while time.monotonic() < deadline:
        if (lease := store.leases.claim(owner, 60, job_id)) is not None:
            return lease
        time.sleep(_SHORT / 10)
    return None


def test_the_oldest_queued_job_is_claimed_first(store: Store) -> None:
    made = [new_job(store) for _ in range(3)]
    leases = [store.leases.claim("runner", 60) for _ in range(3)]
    assert [lease and lease.job_id for lease in leases] == made
    assert store.leases.claim("runner", 60) is None


def test_a_certain_job_is_claimed(store: Store) -> None:
    first, second = new_job(store), new_job(store)
    assert store.leases.claim("runner", 60, second) == Lease(second, "runner", 1)
    assert store.leases.claim("other", 60, second) is None
    assert store.leases.claim("other", 60, "job_none") is None
    assert store.jobs.get(first).state is JobState.QUEUED


def test_a_claimed_job_runs(store: Store) -> None:
    lease = claimed(store, "runner")
    job = store.jobs.get(lease.job_id)
    assert job.state is JobState.RUNNING
    assert job.started_at is not None
    last = store.events.after(lease.job_id)[-1]
    assert (last.kind, last.data) == ("state", {"state": "running", "owner": "runner", "claim": 1})


def test_a_renewed_lease_is_not_taken_over(store: Store) -> None:
    lease = claimed(store, seconds=_SHORT)
    store.leases.renew(lease, 60)
    time.sleep(_SHORT * 1.2)
    assert store.leases.claim("second", 60) is None


def test_how_long_a_lease_holds_is_known(store: Store) -> None:
    job_id = new_job(store)
    assert store.leases.seconds_left(job_id) is None
    assert store.leases.seconds_left("job_none") is None
    lease = store.leases.claim("runner", 60, job_id)
    assert lease is not None
    left = store.leases.seconds_left(job_id)
    assert left is not None
    assert 0 < left <= 60
    store.leases.renew(lease, 600)
    assert (store.leases.seconds_left(job_id) or 0) > 60


def test_renewing_is_no_change_of_the_job(store: Store) -> None:
    lease = claimed(store)
    before = store.jobs.get(lease.job_id)
    store.leases.renew(lease, 60)
    assert store.jobs.get(lease.job_id) == before


def test_a_late_runner_that_nobody_replaced_goes_on(store: Store) -> None:
    lease = claimed(store, seconds=0.0)
    time.sleep(0.01)
    assert measured(store, lease, outcome())
    store.leases.renew(lease, 60)
    assert store.leases.claim("second", 60) is None


Write = Callable[[Store, Lease, int], object]
_WRITES: dict[str, Write] = {
    "add_pending": lambda store, lease, _: store.designs.add_pending(lease, [proposed(7)]),
    "finish": lambda store, lease, design: store.designs.finish(lease, design, outcome()),
    "event": lambda store, lease, _: store.events.append(lease, "note", {}),
    "note": lambda store, lease, _: store.leases.note(lease, "still here"),
    "renew": lambda store, lease, _: store.leases.renew(lease, 60),
    "release": lambda store, lease, _: store.leases.release(lease, JobState.FINISHED),
    "transcript": lambda store, lease, _: store.transcripts.put(
        lease, NewTranscript(turn=1, messages=())
    ),
    "judged": lambda store, lease, _: store.transcripts.judged(lease, 0, 1, []),
}


@pytest.mark.parametrize("owner", ["second", "first"], ids=["another", "same-name"])
def test_who_lost_a_lease_writes_nothing(store: Store, owner: str) -> None:
    lost = claimed(store, "first", seconds=_SHORT)
    [design] = store.designs.add_pending(lost, [proposed(0)])
    store.transcripts.put(lost, NewTranscript(turn=0, messages=()))
    held = _take_over(store, owner=owner)
    assert held is not None
    assert (held.job_id, held.epoch) == (lost.job_id, lost.epoch + 1)
    before = _everything(store, lost.job_id)
    for name, write in _WRITES.items():
        with pytest.raises(LeaseLost, match="no longer runs job"):
            write(store, lost, design.id)
        assert _everything(store, lost.job_id) == before, name
    for name, write in _WRITES.items():
        if name != "release":
            write(store, held, design.id)


def _everything(store: Store, job_id: str) -> tuple[object, ...]:
    return (
        store.jobs.get(job_id),
        store.designs.of_job(job_id),
        store.transcripts.of_job(job_id),
        store.events.after(job_id),
    )


@pytest.mark.parametrize(
    ("wanted", "state"),
    [(WantedState.PAUSE, JobState.PAUSED), (WantedState.CANCEL, JobState.CANCELLED)],
)
def test_a_lost_job_that_is_not_to_run_comes_to_rest(
    store: Store, wanted: WantedState, state: JobState
) -> None:
    lost = claimed(store, seconds=_SHORT)
    assert store.jobs.set_wanted_state(lost.job_id, wanted).state is JobState.RUNNING
    time.sleep(_SHORT * 1.2)
    waiting = new_job(store)
    taken = store.leases.claim("second", 60)
    assert taken is not None
    assert taken.job_id == waiting, "the claim goes on to the next job"
    assert store.jobs.get(lost.job_id).state is state
    with pytest.raises(LeaseLost):
        store.leases.renew(lost, 60)


def test_a_lost_job_is_cancelled_without_any_runner(store: Store) -> None:
    lost = claimed(store, seconds=0.0)
    time.sleep(0.01)
    job = store.jobs.set_wanted_state(lost.job_id, WantedState.CANCEL)
    assert job.state is JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.FINISHED, JobState.FAILED, JobState.CANCELLED])
def test_a_job_ends(store: Store, state: JobState) -> None:
    lease = claimed(store)
    store.leases.release(lease, state, "that is all")
    job = store.jobs.get(lease.job_id)
    assert (job.state, job.message) == (state, "that is all")
    assert job.finished_at is not None
    assert store.leases.claim("second", 60) is None
    with pytest.raises(LeaseLost):
        store.leases.renew(lease, 60)


@pytest.mark.parametrize("released", [JobState.QUEUED, JobState.PAUSED])
@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        (WantedState.RUN, JobState.QUEUED),
        (WantedState.PAUSE, JobState.PAUSED),
        (WantedState.CANCEL, JobState.CANCELLED),
    ],
)
def test_a_job_handed_back_rests_as_is_wanted_now(
    store: Store, released: JobState, wanted: WantedState, state: JobState
) -> None:
    lease = claimed(store)
    store.jobs.set_wanted_state(lease.job_id, wanted)
    store.leases.release(lease, released)
    assert store.jobs.get(lease.job_id).state is state


def test_a_note_stays_until_the_next_one(store: Store) -> None:
    lease = claimed(store)
    store.leases.note(lease, "no LLM profile: pure GP-BO")
    store.leases.release(lease, JobState.FINISHED)
    assert store.jobs.get(lease.job_id).message == "no LLM profile: pure GP-BO"


def test_a_job_is_not_released_as_running(store: Store) -> None:
    with pytest.raises(ValueError, match="use queued"):
        store.leases.release(claimed(store), JobState.RUNNING)
