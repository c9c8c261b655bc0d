"""The designs: proposed, measured, looked up."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from ado_service.credit import Tried
from ado_service.store.database import LARGEST_ID, Database, now
from ado_service.store.design_listing import listing, next_cursor
from ado_service.store.design_query import DesignQuery
from ado_service.store.design_record import DesignOutcome, DesignRecord, DesignState, NewDesign
from ado_service.store.design_rows import (
    design_record,
    pending_row,
    progress,
    save_outcome,
    select_designs,
)
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.event_record import EventKind
from ado_service.store.events import record
from ado_service.store.fence import change, hold
from ado_service.store.job_record import known_shortfall
from ado_service.store.lease_record import Lease
from ado_service.store.page import Page
from ado_service.store.pareto import keep_front
from ado_service.store.tables import design_metrics, designs, pareto_designs


class Designs:
    """Every design ever tried. Safe to use from any thread.

    Writing needs the job's lease. A design is written as pending before it is simulated, and
    once more when it is done; after that it never changes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_pending(self, lease: Lease, proposed: Sequence[NewDesign]) -> list[DesignRecord]:
        """Put designs on record that are to be simulated: all of them or none.

        Returns:
            Their records, in the order given.

        Raises:
            LeaseLost: the lease no longer holds.
            AlreadyExists: the job has a design of one of these indexes.
        """
        if not proposed:
            return []
        with self._database.write() as connection:
            job = hold(connection, lease)
            moment = now(connection)
            rows = [pending_row(job, design, moment) for design in proposed]
            indexes = [design.index for design in proposed]
            _insert(connection, lease.job_id, indexes, rows)
            change(connection, job)
            return _by_index(connection, lease.job_id, indexes)

    def finish(self, lease: Lease, design_id: int, outcome: DesignOutcome) -> DesignRecord:
        """Put on record what became of a pending design.

        In one transaction with the job's counts, best design and Pareto front, and an event of
        kind `design`.

        Raises:
            LeaseLost: the lease no longer holds.
            NotFound: the job has no such design.
            AlreadyExists: the design is done already.
        """
        with self._database.write() as connection:
            job = hold(connection, lease)
            row = _pending(connection, lease.job_id, design_id)
            save_outcome(connection, row, outcome, now(connection))
            keep_front(connection, lease.job_id, row, outcome)
            change(connection, job, **progress(job, row, outcome))
            record(connection, lease.job_id, EventKind.DESIGN, _news(row, outcome))
            return _get(connection, design_id)

    def get(self, design_id: int) -> DesignRecord:
        """The design of this id.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            return _get(connection, design_id)

    def of_job(self, job_id: str, *, corners: bool = True) -> list[DesignRecord]:
        """All designs of a job by index, pending ones included; none for an unknown job.

        Args:
            job_id: the job.
            corners: False leaves out the results by corner, the bulk of a design.
        """
        query = select_designs(corners).where(designs.c.job_id == job_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(designs.c.index)).mappings().all()
        return [design_record(row) for row in rows]

    def tried(self, job_id: str) -> list[Tried]:
        """All designs of a job by index, as far as credit is concerned: no JSON is read."""
        query = (
            sa.select(
                designs.c.index,
                designs.c.round,
                designs.c.proposer,
                designs.c.feasible,
                designs.c.fom,
                designs.c.shortfall,
                designs.c.specs_met,
                designs.c.specs_total,
            )
            .where(designs.c.job_id == job_id)
            .order_by(designs.c.index)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_tried(row) for row in rows]

    def front_size(self, job_id: str) -> int:
        """How many designs are on the Pareto front of a job; `page` lists them."""
        query = sa.select(sa.func.count()).where(pareto_designs.c.job_id == job_id)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def have(self, metric: str, circuit_name: str | None = None) -> bool:
        """Whether any design, or any of a circuit of this name, was measured for a metric."""
        query = sa.select(design_metrics.c.design_id).where(design_metrics.c.metric == metric)
        if circuit_name is not None:
            query = query.where(design_metrics.c.circuit_name == circuit_name)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def page(self, query: DesignQuery | None = None) -> Page[DesignRecord]:
        """Designs of any job.

        Raises:
            BadCursor: the cursor is of another query, or none at all.
        """
        query = query or DesignQuery()
        with self._database.read() as connection:
            rows = connection.execute(listing(query)).mappings().all()
        shown = rows[: query.limit]
        return Page(
            tuple(design_record(row) for row in shown),
            next_cursor(query, shown[-1]) if len(rows) > len(shown) else None,
        )


def _tried(row: RowMapping) -> Tried:
    rank = None
    if row["fom"] is not None:
        missed = row["specs_total"] - row["specs_met"]
        rank = row["feasible"], row["fom"], -known_shortfall(row["shortfall"], missed)
    return Tried(row["index"], row["round"], row["proposer"], rank)


def _insert(
    connection: Connection, job_id: str, indexes: list[int], rows: list[dict[str, object]]
) -> None:
    try:
        connection.execute(sa.insert(designs), rows)
    except IntegrityError as error:
        raise AlreadyExists(
            f"job {job_id} has a design of index {min(indexes)} to {max(indexes)} already; "
            "read the job's designs and go on behind the last one"
        ) from error


def _by_index(connection: Connection, job_id: str, indexes: list[int]) -> list[DesignRecord]:
    query = sa.select(designs).where(designs.c.job_id == job_id, designs.c.index.in_(indexes))
    found = {row["index"]: row for row in connection.execute(query).mappings()}
    return [design_record(found[index]) for index in indexes]


def _pending(connection: Connection, job_id: str, design_id: int) -> RowMapping:
    query = sa.select(
        designs.c.id, designs.c.index, designs.c.state, designs.c.circuit_name, designs.c.proposer
    ).where(designs.c.id == design_id, designs.c.job_id == job_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"job {job_id} has no design {design_id}; add it as pending first")
    if row["state"] != DesignState.PENDING:
        raise AlreadyExists(f"design {design_id} is done already; a result is never replaced")
    return row


def _get(connection: Connection, design_id: int) -> DesignRecord:
    row = None
    if 0 < design_id <= LARGEST_ID:
        query = sa.select(designs).where(designs.c.id == design_id)
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no design {design_id}; list the designs to see which there are")
    return design_record(row)


_TOLD = {"fom", "specs_met", "specs_total", "feasible", "failure", "cached"}


def _news(row: RowMapping, outcome: DesignOutcome) -> dict[str, object]:
    return {
        "design_id": row["id"],
        "index": row["index"],
        "proposer": row["proposer"],
        **outcome.model_dump(include=_TOLD),
    }
