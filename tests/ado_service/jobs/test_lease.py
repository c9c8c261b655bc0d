"""The keeper of a lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from ado_service.jobs.lease import LeaseKeeper
from ado_service.store.errors import DatabaseUnavailable, LeaseLost
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed

_LEASE = Lease("job_a", "runner", 1)


class Ledger:
    """A place to renew leases that answers as it is told and remembers when it was asked."""

    def __init__(self, answer: Callable[[int], Exception | None]) -> None:
        self.asked: list[float] = []
        self._answer = answer

    def renew(self, lease: Lease, lease_seconds: float) -> None:
        assert lease == _LEASE
        self.asked.append(time.monotonic())
        error = self._answer(len(self.asked))
        if error is not None:
            raise error

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.asked) < count:
            assert time.monotonic() < deadline, f"asked {len(self.asked)} times only"
            time.sleep(0.005)


def test_a_lease_is_renewed_at_a_third_of_its_time() -> None:
    ledger = Ledger(lambda _: None)
    with LeaseKeeper(ledger, _LEASE, 0.3) as keeper:
        ledger.wait_for(4)
        assert not keeper.lost.is_set()
    gaps = [later - earlier for earlier, later in zip(ledger.asked, ledger.asked[1:], strict=False)]
    assert all(gap >= 0.09 for gap in gaps)


def test_leaving_the_block_ends_the_renewals() -> None:
    ledger = Ledger(lambda _: None)
    with LeaseKeeper(ledger, _LEASE, 300) as keeper:
        ledger.wait_for(1)
        started = time.monotonic()
    assert time.monotonic() - started < 5, "the keeper must not sit out its wait"
    assert not keeper.lost.is_set()
    assert "lease-job_a" not in {thread.name for thread in threading.enumerate()}


def test_a_lost_lease_is_told_at_once() -> None:
    ledger = Ledger(lambda count: LeaseLost("another runs it") if count == 2 else None)
    with LeaseKeeper(ledger, _LEASE, 0.15) as keeper:
        assert keeper.lost.wait(10)
    assert len(ledger.asked) == 2


def test_what_happens_to_a_lease_is_logged_with_its_job() -> None:
    answers = {2: DatabaseUnavailable("hiccup"), 3: LeaseLost("another runs it")}
    ledger = Ledger(answers.get)
    with capture_logs() as logs, LeaseKeeper(ledger, _LEASE, 0.15) as keeper:
        assert keeper.lost.wait(10)
    assert [(log["event"], log["job"], log["detail"]) for log in logs] == [
        ("lease_not_renewed", "job_a", "hiccup"),
        ("lease_lost", "job_a", "another runs it"),
    ]


def test_a_hiccup_is_retried() -> None:
    ledger = Ledger(lambda count: DatabaseUnavailable("hiccup") if 1 < count < 5 else None)
    with LeaseKeeper(ledger, _LEASE, 1.5) as keeper:
        ledger.wait_for(6)
        assert not keeper.lost.is_set()


def test_a_database_that_stays_away_loses_the_lease_when_it_runs_out() -> None:
    ledger = Ledger(lambda count: DatabaseUnavailable("gone") if count > 1 else None)
    with LeaseKeeper(ledger, _LEASE, 0.3) as keeper:
        assert keeper.lost.wait(10)
        lost_at = time.monotonic()
    assert lost_at - ledger.asked[0] >= 0.3
    assert len(ledger.asked) > 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_breaks_says_that_nobody_renews() -> None:
    ledger = Ledger(lambda _: ZeroDivisionError("a bug"))
    with LeaseKeeper(ledger, _LEASE, 300) as keeper:
        assert keeper.lost.wait(10)


def test_a_kept_job_is_not_taken_over_and_a_left_one_is(store: Store) -> None:
    lease = claimed(store, seconds=0.6)
    with LeaseKeeper(store.leases, lease, 0.6) as keeper:
        time.sleep(1.0)
        assert store.leases.claim("other", 60) is None
        assert not keeper.lost.is_set()
    time.sleep(0.7)
    assert store.leases.claim("other", 60) == Lease(lease.job_id, "other", lease.epoch + 1)


def test_a_keeper_learns_of_a_takeover(store: Store) -> None:
    lease = claimed(store, seconds=0.0)
    time.sleep(0.01)
    assert store.leases.claim("other", 60) is not None
    with LeaseKeeper(store.leases, lease, 300) as keeper:
        assert keeper.lost.wait(10)
