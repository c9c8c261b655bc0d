"""The tunings: made, looked at, listed, followed, and told what is wanted of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.cursor import Position, decode, encode
from ado_service.store.database import LARGEST_ID, Database, now
from ado_service.store.design_record import DesignState
from ado_service.store.errors import BadCursor, JobEnded
from ado_service.store.event_record import EventKind
from ado_service.store.jobs import Idempotency
from ado_service.store.model_rows import hold_base, lock_name, reserve
from ado_service.store.page import Page
from ado_service.store.tables import designs, tuning_events, tunings
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningEvent, TuningRecord, TuningState, WantedTuning
from ado_service.store.tuning_rows import (
    change,
    find,
    insert,
    move,
    of_key,
    record,
    resting_state,
    tuning_record,
)

_FINAL = {TuningState.COMPLETED, TuningState.CANCELLED}


class DesignCount(NamedTuple):
    """How many designs were measured in full, and how many there are, if these are too few."""

    measured: int
    all: int


class Tunings:
    """The tunings of the database. Safe to use from any thread.

    What a runner writes goes through a lease (`TuningLeases`).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, name: str, config: TuningConfig, idempotency: Idempotency | None = None
    ) -> tuple[TuningRecord, bool]:
        """Queue a tuning, or find the one that was queued under the same idempotency key.

        The name is reserved from here to the tuning's end, and its model stays as long.

        Returns:
            The tuning, and whether it is new.

        Raises:
            AlreadyExists: a model or a tuning under way has the name.
            NotFound: the model that is to be tuned is not on record.
            IdempotencyConflict: the key was used with another request hash.
        """
        with self._database.write() as connection:
            lock_name(connection, name)  # behind another request with the key there is a tuning
            known = of_key(connection, idempotency)
            if known is not None:
                return known, False
            reserve(connection, name)
            hold_base(connection, config.model)
            tuning_id = insert(connection, name, config, idempotency)
            if tuning_id is None:  # one with the key and another name was quicker
                known = of_key(connection, idempotency)
                assert known is not None
                return known, False
            record(connection, tuning_id, EventKind.CREATED, {"state": TuningState.QUEUED})
            return tuning_record(find(connection, tuning_id)), True

    def of_key(self, idempotency: Idempotency | None) -> TuningRecord | None:
        """The tuning that was queued under this key; None for a new key.

        Raises:
            IdempotencyConflict: the key was used with another request hash.
        """
        with self._database.read() as connection:
            return of_key(connection, idempotency)

    def get(self, tuning_id: str) -> TuningRecord:
        """The tuning of this id.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            return tuning_record(find(connection, tuning_id))

    def page(
        self, state: TuningState | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[TuningRecord]:
        """Tunings, the newest first.

        Raises:
            BadCursor: the cursor is of another query, or none at all.
        """
        what = f"tunings {state}"
        query = sa.select(tunings).order_by(tunings.c.created_at.desc(), tunings.c.id.desc())
        if state is not None:
            query = query.where(tunings.c.state == state)
        if cursor is not None:
            query = query.where(_behind(decode(cursor, what)))
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
        shown = rows[:limit]
        more = encode(what, _position(shown[-1])) if len(rows) > limit else None
        return Page(tuple(tuning_record(row) for row in shown), more)

    def set_wanted_state(self, tuning_id: str, wanted: WantedTuning) -> TuningRecord:
        """Say what is wanted of a tuning; one that nobody runs comes to it at once.

        A failed one that is to run goes back to the queue.

        Raises:
            NotFound: no such tuning, or the model of a failed one is not on record any more.
            AlreadyExists: the name of a failed one was taken meanwhile.
            JobEnded: it has ended; to cancel a cancelled one again is no error.
        """
        with self._database.write() as connection:
            row = find(connection, tuning_id, locked=True)
            state = TuningState(row["state"])
            again = state is TuningState.CANCELLED and wanted is WantedTuning.CANCEL
            if state in _FINAL and not again:
                raise JobEnded(f"tuning {tuning_id} is {state.value}; start a new one")
            if state is TuningState.FAILED:
                _take_up(connection, row, wanted)
            elif not state.ended and wanted != row["wanted_state"]:
                _want(connection, row, wanted)
            return tuning_record(find(connection, tuning_id))

    def count_designs(self, job_ids: Sequence[str], *, enough: int) -> DesignCount:
        """How many designs of these jobs could be learned from, without reading one.

        Args:
            job_ids: at most as many as a tuning has.
            enough: nothing is counted beyond so many that were measured in full.
        """
        ours = designs.c.job_id.in_(job_ids)
        measured = (
            sa.select(designs.c.id)
            .where(
                ours,
                designs.c.state == DesignState.DONE,
                designs.c.failure.is_(None),
                designs.c.skipped == sa.literal([], designs.c.skipped.type),
            )
            .limit(enough)
        )
        with self._database.read() as connection:
            known = len(connection.execute(measured).all())
            total = known
            if known < enough:
                total = connection.execute(sa.select(sa.func.count()).where(ours)).scalar_one()
        return DesignCount(known, total)

    def events_after(self, tuning_id: str, last_id: int = 0, limit: int = 200) -> list[TuningEvent]:
        """The tuning's events with ids beyond `last_id`, in order; none for an unknown tuning."""
        query = (
            sa.select(tuning_events)
            .where(
                tuning_events.c.tuning_id == tuning_id,
                tuning_events.c.id > min(max(last_id, 0), LARGEST_ID),
            )
            .order_by(tuning_events.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [TuningEvent.model_validate(dict(row)) for row in rows]


def _want(connection: Connection, row: RowMapping, wanted: WantedTuning) -> None:
    change(connection, row, wanted_state=wanted)
    record(connection, row["id"], EventKind.WANTED_STATE, {"wanted_state": wanted})
    expiry: datetime | None = row["lease_until"]
    lost = expiry is not None and expiry < now(connection)
    if row["state"] == TuningState.QUEUED or lost:
        move(connection, find(connection, row["id"]), resting_state(wanted))


def _take_up(connection: Connection, row: RowMapping, wanted: WantedTuning) -> None:
    """A failed tuning begins again where its checkpoints are, or gives them up."""
    if wanted is WantedTuning.RUN:
        reserve(connection, row["name"])
        hold_base(connection, row["config"]["model"])
    change(connection, row, wanted_state=wanted, fault_step=None)
    record(connection, row["id"], EventKind.WANTED_STATE, {"wanted_state": wanted})
    move(connection, find(connection, row["id"]), resting_state(wanted))


def _position(row: RowMapping) -> Position:
    return Position(row["created_at"].isoformat(), row["id"])


def _behind(position: Position) -> sa.ColumnElement[bool]:
    try:
        moment = datetime.fromisoformat(str(position.value)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        cure = "take next_cursor from the page before"
        raise BadCursor(f"the cursor cannot be read; {cure}") from error
    return sa.tuple_(tunings.c.created_at, tunings.c.id) < sa.tuple_(
        sa.literal(moment, tunings.c.created_at.type),
        sa.literal(str(position.id), tunings.c.id.type),
    )
