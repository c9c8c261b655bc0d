"""Jobs between their rows and their records, and the rules of their states."""

from __future__ import annotations

import base64
import secrets

from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.database import now
from ado_service.store.event_record import EventKind
from ado_service.store.events import record
from ado_service.store.fence import change
from ado_service.store.job_record import JobRecord, JobState, WantedState

_RESTING = {
    WantedState.RUN: JobState.QUEUED,
    WantedState.PAUSE: JobState.PAUSED,
    WantedState.CANCEL: JobState.CANCELLED,
}
_BEFORE = {"llm_share": "fixed", "model": "fom"}
"""How a job goes on whose configuration an earlier version wrote, where the default differs now."""


def new_job_id() -> str:
    """A job id that nobody can guess and nobody has used (80 random bits)."""
    return "job_" + base64.b32encode(secrets.token_bytes(10)).decode().lower()


def job_record(row: RowMapping) -> JobRecord:
    """The record of a job's row."""
    fields = {name: row[name] for name in JobRecord.model_fields}
    return JobRecord.model_validate({**fields, "config": {**_BEFORE, **row["config"]}})


def resting_state(wanted: WantedState) -> JobState:
    """Where a job without a runner stands, by what the user wants."""
    return _RESTING[wanted]


def move(connection: Connection, row: RowMapping, state: JobState, message: str = "") -> None:
    """Take a locked job from its runner, if it has one, into `state`, with an event.

    Args:
        connection: of the transaction that holds the lock.
        row: the job's.
        state: any but `running`.
        message: replaces the job's message unless empty.
    """
    moment = now(connection)
    change(
        connection,
        row,
        state=state,
        owner=None,
        lease_until=None,
        message=message or row["message"],
        finished_at=moment if state.ended else None,
    )
    record(connection, row["id"], EventKind.STATE, {"state": state, "message": message})
