"""Tunings between their rows and their records, and the fence round each."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.database import insert_if_new, now
from ado_service.store.errors import IdempotencyConflict, LeaseLost, NotFound
from ado_service.store.event_record import EventKind
from ado_service.store.jobs import Idempotency
from ado_service.store.lease_record import Lease
from ado_service.store.tables import tuning_events, tunings
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord, TuningState, WantedTuning


def new_tuning_id() -> str:
    """An id that nobody can guess and nobody has used (80 random bits)."""
    return "tuning_" + base64.b32encode(secrets.token_bytes(10)).decode().lower()


def tuning_record(row: RowMapping) -> TuningRecord:
    """The record of a tuning's row."""
    return TuningRecord.model_validate({name: row[name] for name in TuningRecord.model_fields})


def of_key(connection: Connection, idempotency: Idempotency | None) -> TuningRecord | None:
    """The tuning that was queued under this key; None for a new key.

    Raises:
        IdempotencyConflict: the key was used with another request hash.
    """
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


def insert(
    connection: Connection, name: str, config: TuningConfig, idempotency: Idempotency | None
) -> str | None:
    """The id of a new queued tuning; None where the key is taken."""
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


def find(connection: Connection, tuning_id: str, *, locked: bool = False) -> RowMapping:
    """The tuning's row; locked to the end of the transaction where asked for.

    Every transaction that writes to a tuning takes the lock first, so that the ids of its events
    become visible in their order.

    Raises:
        NotFound: no such tuning.
    """
    query = sa.select(tunings).where(tunings.c.id == tuning_id)
    row = connection.execute(query.with_for_update() if locked else query).mappings().first()
    if row is None:
        raise NotFound(f"no tuning {tuning_id!r}; list the tunings to see which there are")
    return row


def hold(connection: Connection, lease: Lease) -> RowMapping:
    """The row of the tuning that the lease is on, locked, when the lease still holds.

    Raises:
        LeaseLost: the tuning was taken over, given back or ended.
    """
    row = find(connection, lease.job_id, locked=True)
    if (row["owner"], row["epoch"]) != (lease.owner, lease.epoch):
        raise LeaseLost(
            f"{lease.owner} no longer runs tuning {lease.job_id} (claim {lease.epoch}); "
            "stop working on it: whoever claims it goes on from its last checkpoint"
        )
    return row


def change(connection: Connection, row: RowMapping, **columns: Any) -> None:
    """Change a locked tuning and count its version up, for readers that poll."""
    columns["version"] = row["version"] + 1
    connection.execute(sa.update(tunings).where(tunings.c.id == row["id"]).values(**columns))


def record(connection: Connection, tuning_id: str, kind: str, data: Mapping[str, Any]) -> None:
    """Write an event within the caller's transaction, which must hold the tuning's lock."""
    connection.execute(
        sa.insert(tuning_events).values(
            tuning_id=tuning_id, kind=str(kind), data=dict(data), created_at=now(connection)
        )
    )


def resting_state(wanted: WantedTuning) -> TuningState:
    """Where a tuning without a runner stands, by what the user wants."""
    return TuningState.QUEUED if wanted is WantedTuning.RUN else TuningState.CANCELLED


def move(
    connection: Connection,
    row: RowMapping,
    state: TuningState,
    message: str = "",
    detail: str = "",
    **columns: Any,
) -> None:
    """Take a locked tuning from its runner, if it has one, into `state`, with an event.

    The event has the message alone: events are for everybody.
    """
    change(
        connection,
        row,
        state=state,
        owner=None,
        lease_until=None,
        message=message,
        detail=detail,
        finished_at=now(connection) if state.ended else None,
        **columns,
    )
    record(connection, row["id"], EventKind.STATE, {"state": state, "message": message})
