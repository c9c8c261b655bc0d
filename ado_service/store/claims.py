"""Claims on rows that have an owner: jobs and tunings alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.database import now
from ado_service.store.lease_record import Lease

_QUEUED, _RUNNING = "queued", "running"


def next_waiting(connection: Connection, table: sa.Table, only: str | None) -> RowMapping | None:
    """The oldest row that waits for a runner or has lost its own, locked; None where none does.

    Args:
        connection: of the transaction.
        table: the jobs or the tunings.
        only: id of the one that is asked for; None for any.
    """
    waiting = sa.or_(
        table.c.state == _QUEUED,
        sa.and_(table.c.state == _RUNNING, table.c.lease_until < now(connection)),
    )
    query = sa.select(table).where(waiting).order_by(table.c.created_at, table.c.id).limit(1)
    if only is not None:
        query = query.where(table.c.id == only)
    return connection.execute(query.with_for_update(skip_locked=True)).mappings().one_or_none()


def claimed(
    connection: Connection, row: RowMapping, owner: str, lease_seconds: float
) -> tuple[Lease, dict[str, Any]]:
    """The lease on a row that `next_waiting` found, and the columns that say so."""
    moment, epoch = now(connection), int(row["epoch"]) + 1
    columns = {
        "state": _RUNNING,
        "owner": owner,
        "epoch": epoch,
        "lease_until": moment + timedelta(seconds=lease_seconds),
        "started_at": row["started_at"] or moment,
    }
    return Lease(row["id"], owner, epoch), columns


def prolong(connection: Connection, table: sa.Table, lease: Lease, lease_seconds: float) -> None:
    """Let a lease that holds do so for `lease_seconds` from now."""
    until = now(connection) + timedelta(seconds=lease_seconds)
    connection.execute(sa.update(table).where(table.c.id == lease.job_id).values(lease_until=until))


def claim_told(lease: Lease) -> dict[str, Any]:
    """What the event of a claim says."""
    return {"state": _RUNNING, "owner": lease.owner, "claim": lease.epoch}
