"""Who runs a tuning: claimed, renewed, told about, given back."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.database import Database, now
from ado_service.store.event_record import EventKind
from ado_service.store.lease_record import Lease
from ado_service.store.tables import tunings
from ado_service.store.tuning_record import TuningMetrics, TuningState, WantedTuning
from ado_service.store.tuning_rows import change, hold, move, record, resting_state


class TuningLeases:
    """The leases on tunings: `Lease.job_id` is the tuning's id. Safe to use from any thread.

    As with jobs, a tuning has one holder at a time, a lease that ran out is taken over by the next
    claim, and every later write of the old holder raises LeaseLost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, owner: str, lease_seconds: float, tuning_id: str | None = None) -> Lease | None:
        """Take the oldest tuning that waits for a runner or has lost its own.

        Args:
            owner: name of the runner.
            lease_seconds: how long the lease holds without being renewed.
            tuning_id: take this one and no other.

        Returns:
            The lease; None when no tuning waits.
        """
        with self._database.write() as connection:
            while (row := _next(connection, tuning_id)) is not None:
                wanted = WantedTuning(row["wanted_state"])
                if wanted is WantedTuning.RUN:
                    return _take(connection, row, owner, lease_seconds)
                move(connection, row, resting_state(wanted))
        return None

    def renew(self, lease: Lease, lease_seconds: float) -> None:
        """Let the lease hold for `lease_seconds` from now.

        Raises:
            LeaseLost: the lease no longer holds.
        """
        with self._database.write() as connection:
            hold(connection, lease)
            until = now(connection) + timedelta(seconds=lease_seconds)
            connection.execute(
                sa.update(tunings).where(tunings.c.id == lease.job_id).values(lease_until=until)
            )

    def note(self, lease: Lease, message: str) -> None:
        """Tell the user what the tuning does now.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            change(connection, hold(connection, lease), message=message)
            record(connection, lease.job_id, EventKind.NOTE, {"message": message})

    def progress(self, lease: Lease, step: int, loss: float, seconds: float) -> None:
        """Say how far it is.

        Args:
            lease: of the tuning.
            step: steps that are done.
            loss: of the last ones, smoothed, nats a token.
            seconds: of training so far.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
        """
        with self._database.write() as connection:
            row = hold(connection, lease)
            change(connection, row, step=step, loss=loss)
            steps = row["config"]["steps"]
            data = {"step": step, "steps": steps, "loss": loss, "seconds": seconds}
            record(connection, lease.job_id, "progress", data)

    def release(
        self,
        lease: Lease,
        state: TuningState,
        message: str = "",
        metrics: TuningMetrics | None = None,
    ) -> None:
        """Give the tuning back.

        What the user wanted in the meantime counts: one that is handed back as queued is cancelled
        where that is wanted now.

        Args:
            lease: of the tuning; it ends here.
            state: completed, failed or cancelled for good; queued to go on later.
            message: why it failed, or a note for the user.
            metrics: what it came to.

        Raises:
            LeaseLost: the lease no longer holds; nothing was changed.
            ValueError: `state` is running.
        """
        if state is TuningState.RUNNING:
            raise ValueError("a tuning cannot be released as running; use queued to hand it back")
        with self._database.write() as connection:
            row = hold(connection, lease)
            if not state.ended:
                state = resting_state(WantedTuning(row["wanted_state"]))
            columns = {} if metrics is None else {"metrics": metrics.model_dump(mode="json")}
            move(connection, row, state, message, **columns)


def _next(connection: Connection, tuning_id: str | None) -> RowMapping | None:
    waiting = sa.or_(
        tunings.c.state == TuningState.QUEUED,
        sa.and_(tunings.c.state == TuningState.RUNNING, tunings.c.lease_until < now(connection)),
    )
    query = sa.select(tunings).where(waiting).order_by(tunings.c.created_at, tunings.c.id).limit(1)
    if tuning_id is not None:
        query = query.where(tunings.c.id == tuning_id)
    return connection.execute(query.with_for_update(skip_locked=True)).mappings().one_or_none()


def _take(connection: Connection, row: RowMapping, owner: str, lease_seconds: float) -> Lease:
    moment, epoch = now(connection), int(row["epoch"]) + 1
    change(
        connection,
        row,
        state=TuningState.RUNNING,
        owner=owner,
        epoch=epoch,
        lease_until=moment + timedelta(seconds=lease_seconds),
        started_at=row["started_at"] or moment,
    )
    data = {"state": TuningState.RUNNING, "owner": owner, "claim": epoch}
    record(connection, row["id"], EventKind.STATE, data)
    return Lease(row["id"], owner, epoch)
