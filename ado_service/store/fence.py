"""The fence round a job: only the holder of its lease gets through."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.errors import LeaseLost, NotFound
from ado_service.store.lease_record import Lease
from ado_service.store.tables import jobs


def lock(connection: Connection, job_id: str) -> RowMapping:
    """The job's row, locked to the end of the transaction.

    Every transaction that writes to a job takes this lock first. It keeps writers of one job in
    turn, so that the ids of its events are visible in their order.

    Raises:
        NotFound: no such job.
    """
    found = sa.select(jobs).where(jobs.c.id == job_id).with_for_update()
    row = connection.execute(found).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no job {job_id!r}; list the jobs to see which there are")
    return row


def hold(connection: Connection, lease: Lease) -> RowMapping:
    """The row of the lease's job, locked, when the lease still holds.

    A lease that ran out but was not taken over still holds: nobody else wrote in between.

    Raises:
        LeaseLost: the job was taken over, given back or ended.
    """
    row = lock(connection, lease.job_id)
    if (row["owner"], row["epoch"]) != (lease.owner, lease.epoch):
        raise LeaseLost(
            f"{lease.owner} no longer runs job {lease.job_id} (claim {lease.epoch}); "
            "stop working on it: whoever claims it goes on from what is on record"
        )
    return row


def change(connection: Connection, row: RowMapping, **columns: Any) -> int:
    """Change a locked job and count its version up, for readers that poll.

    Returns:
        The new version.
    """
    version: int = row["version"] + 1
    columns["version"] = version
    connection.execute(sa.update(jobs).where(jobs.c.id == row["id"]).values(**columns))
    return version
