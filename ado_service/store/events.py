"""The events of jobs: an append-only log that can be followed by polling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ado_service.store.database import LARGEST_ID, Database, now
from ado_service.store.event_record import EventRecord
from ado_service.store.fence import hold
from ado_service.store.lease_record import Lease
from ado_service.store.tables import events


class Events:
    """What happened to each job, oldest first. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, lease: Lease, kind: str, data: Mapping[str, Any]) -> None:
        """Write an event of the job that the lease holds.

        Args:
            lease: of the job.
            kind: an `EventKind`, or the caller's own.
            data: anything that JSON can say.

        Raises:
            LeaseLost: the lease no longer holds; nothing was written.
        """
        with self._database.write() as connection:
            hold(connection, lease)
            record(connection, lease.job_id, kind, data)

    def after(
        self, job_id: str, last_id: int = 0, limit: int = 200, *, kind: str | None = None
    ) -> list[EventRecord]:
        """The job's events with ids beyond `last_id`, in order; none for an unknown job.

        Asking again with the last id that was seen misses no event and repeats none.

        Args:
            job_id: the job.
            last_id: id of the last event seen.
            limit: how many at most.
            kind: only events of this kind; None for all.
        """
        last_id = min(max(last_id, 0), LARGEST_ID)
        query = (
            sa.select(events)
            .where(events.c.job_id == job_id, events.c.id > last_id)
            .order_by(events.c.id)
            .limit(limit)
        )
        if kind is not None:
            query = query.where(events.c.kind == str(kind))
        with self._database.read() as connection:
            return [
                EventRecord.model_validate(dict(row))
                for row in connection.execute(query).mappings()
            ]


def record(connection: Connection, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
    """Write an event within the caller's transaction, which must hold the job's lock."""
    connection.execute(
        sa.insert(events).values(
            job_id=job_id, kind=str(kind), data=dict(data), created_at=now(connection)
        )
    )
