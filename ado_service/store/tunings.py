"""The tunings: made, looked at, listed, followed, and told what is wanted of them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.cursor import Position, decode, encode
from ado_service.store.database import LARGEST_ID, Database, insert_if_new, now
from ado_service.store.errors import AlreadyExists, BadCursor, IdempotencyConflict, JobEnded
from ado_service.store.event_record import EventKind
from ado_service.store.jobs import Idempotency
from ado_service.store.page import Page
from ado_service.store.tables import models, tuning_events, tunings
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningEvent, TuningRecord, TuningState, WantedTuning
from ado_service.store.tuning_rows import (
    change,
    find,
    move,
    new_tuning_id,
    record,
    resting_state,
    tuning_record,
)


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

        The name is reserved from here to the tuning's end.

        Returns:
            The tuning, and whether it is new.

        Raises:
            AlreadyExists: a model or a tuning under way has the name.
            IdempotencyConflict: the key was used with another request hash.
        """
        with self._database.write() as connection:
            known = _of_key(connection, idempotency)
            if known is not None:
                return known, False
            _check_name(connection, name)
            tuning_id = _insert(connection, name, config, idempotency)
            if tuning_id is None:  # another transaction was quicker, with the key or the name
                known = _of_key(connection, idempotency)
                if known is None:
                    raise _taken(name, "a tuning under way makes")
                return known, False
            record(connection, tuning_id, EventKind.CREATED, {"state": TuningState.QUEUED})
            return tuning_record(find(connection, tuning_id)), True

    def of_key(self, idempotency: Idempotency | None) -> TuningRecord | None:
        """The tuning that was queued under this key; None for a new key.

        Raises:
            IdempotencyConflict: the key was used with another request hash.
        """
        with self._database.read() as connection:
            return _of_key(connection, idempotency)

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

        Raises:
            NotFound: no such tuning.
            JobEnded: it has ended; to cancel a cancelled one again is no error.
        """
        with self._database.write() as connection:
            row = find(connection, tuning_id, locked=True)
            state = TuningState(row["state"])
            again = state is TuningState.CANCELLED and wanted is WantedTuning.CANCEL
            if state.ended and not again:
                raise JobEnded(f"tuning {tuning_id} is {state.value}; start a new one")
            if not state.ended and wanted != row["wanted_state"]:
                _want(connection, row, wanted)
            return tuning_record(find(connection, tuning_id))

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


def _of_key(connection: Connection, idempotency: Idempotency | None) -> TuningRecord | None:
    if idempotency is None:
        return None
    query = sa.select(tunings).where(tunings.c.idempotency_key == idempotency.key)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    if row["request_hash"] != idempotency.request_hash:
        raise IdempotencyConflict(
            f"idempotency key {idempotency.key!r} was used before with another request; "
            "use a new key for a new request"
        )
    return tuning_record(row)


def _check_name(connection: Connection, name: str) -> None:
    if connection.execute(sa.select(models.c.name).where(models.c.name == name)).first():
        raise _taken(name, "a model has")


def _taken(name: str, by: str) -> AlreadyExists:
    return AlreadyExists(f"{by} the name {name!r} already; choose another name")


def _insert(
    connection: Connection, name: str, config: TuningConfig, idempotency: Idempotency | None
) -> str | None:
    """The id of a new row; None where key or name are taken."""
    tuning_id = new_tuning_id()
    key, request = (None, None) if idempotency is None else idempotency
    row = {
        "id": tuning_id,
        "name": name,
        "config": config.model_dump(mode="json"),
        "state": TuningState.QUEUED,
        "wanted_state": WantedTuning.RUN,
        "step": 0,
        "message": "",
        "created_at": now(connection),
        "version": 1,
        "epoch": 0,
        "idempotency_key": key,
        "request_hash": request,
    }
    return tuning_id if insert_if_new(connection, tunings, row) else None


def _want(connection: Connection, row: RowMapping, wanted: WantedTuning) -> None:
    change(connection, row, wanted_state=wanted)
    record(connection, row["id"], EventKind.WANTED_STATE, {"wanted_state": wanted})
    expiry: datetime | None = row["lease_until"]
    lost = expiry is not None and expiry < now(connection)
    if row["state"] == TuningState.QUEUED or lost:
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
