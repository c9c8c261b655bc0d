"""Who runs a job: claimed, renewed, given back, and taken over when its runner is lost."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.claims import claim_told, claimed, next_waiting, prolong
from ado_service.store.database import Database, now
from ado_service.store.event_record import EventKind
from ado_service.store.events import record
from ado_service.store.fence import change, hold
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.job_rows import move, resting_state
from ado_service.store.lease_record import Lease
from ado_service.store.tables import jobs


class Leases:
    """The leases on jobs. Safe to use from any thread.

    A job has one holder at a time. A lease that ran out is taken over by the next claim; every
    later write of the old holder raises LeaseLost and leaves nothing behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, owner: str, lease_seconds: float, job_id: str | None = None) -> Lease | None:
        """Take the oldest job that waits for a runner or has lost its own.

        A lost job that is to pause or to be cancelled comes to that instead.

        Args:
            owner: name of the runner.
            lease_seconds: how long the lease holds without being renewed.
            job_id: take this job and no other.

        Returns:
            The lease; None when no job waits.
        """
        with self._database.write() as connection:
            while (row := next_waiting(connection, jobs, job_id)) is not None:
                if row["wanted_state"] == WantedState.RUN:
                    return _take(connection, row, owner, lease_seconds)
                move(connection, row, resting_state(WantedState(row["wanted_state"])))
        return None

    def renew(self, lease: Lease, lease_seconds: float) -> None:
        """Let the lease hold for `lease_seconds` from now.

        Raises:
            LeaseLost: the lease no longer holds.
        """
        with self._database.write() as connection:
            hold(connection, lease)
            prolong(connection, jobs, lease, lease_seconds)

    def seconds_left(self, job_id: str) -> float | None:
        """How long the job's lease holds unless it is renewed; None where nobody has one.

        By the clock that decides on it; below 0 when it ran out and nobody took it over.
        """
        query = sa.select(jobs.c.lease_until).where(jobs.c.id == job_id)
        with self._database.read() as connection:
            until: datetime | None = connection.execute(query).scalar_one_or_none()
            return None if until is None else (until - now(connection)).total_seconds()

    def note(self, lease: Lease, message: str) -> None:
        """Tell the user something about the running job, such as that it goes on without an LLM.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            change(connection, hold(connection, lease), message=message)
            record(connection, lease.job_id, EventKind.NOTE, {"message": message})

    def release(self, lease: Lease, state: JobState, message: str = "") -> None:
        """Give the job back.

        What the user wanted in the meantime counts: a runner that hands back a job as queued or
        paused leaves it queued, paused or cancelled as is wanted now.

        Args:
            lease: of the job; it ends here.
            state: finished, failed or cancelled for good; queued or paused to go on later.
            message: why it failed, or a note for the user; empty keeps the job's message.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
            ValueError: `state` is running.
        """
        if state is JobState.RUNNING:
            raise ValueError("a job cannot be released as running; use queued to hand it back")
        with self._database.write() as connection:
            row = hold(connection, lease)
            if not state.ended:
                state = resting_state(WantedState(row["wanted_state"]))
            move(connection, row, state, message)


def _take(connection: Connection, row: RowMapping, owner: str, lease_seconds: float) -> Lease:
    lease, columns = claimed(connection, row, owner, lease_seconds)
    change(connection, row, **columns)
    record(connection, row["id"], EventKind.STATE, claim_told(lease))
    return lease
