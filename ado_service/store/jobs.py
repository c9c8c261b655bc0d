"""The jobs: made, looked at, listed, and told what is wanted of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.job_config import JobConfig
from ado_service.store.circuits import save
from ado_service.store.cursor import Position, decode, encode
from ado_service.store.database import Database, insert_if_new, now
from ado_service.store.errors import BadCursor, IdempotencyConflict, JobEnded, NotFound
from ado_service.store.event_record import EventKind
from ado_service.store.events import record
from ado_service.store.fence import change, lock
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobRecord, JobState, WantedState
from ado_service.store.job_rows import job_record, move, new_job_id, resting_state
from ado_service.store.page import Page
from ado_service.store.tables import idempotency_keys, jobs
from circuits.definition import Circuit


class Idempotency(NamedTuple):
    """A client's key for a request, and a hash of the request it stands for."""

    key: str
    request_hash: str


class Jobs:
    """The jobs of the database. Safe to use from any thread.

    What a runner writes goes through a lease (`Leases`, `Designs`, `Transcripts`, `Events`).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        circuit: Circuit,
        config: JobConfig,
        idempotency: Idempotency | None = None,
        *,
        message: str = "",
        prior: Sequence[int] = (),
    ) -> tuple[JobRecord, bool]:
        """Queue a job, or find the one that was queued under the same idempotency key.

        All in one transaction: a job, its circuit, its key and its first event are there together
        or not at all. A call whose key is being written by another one waits for it.

        Args:
            circuit: what is sized; it is saved as by `Circuits.save`.
            config: what is asked for.
            idempotency: key and request hash; None to make a job in any case.
            message: a note for the user.
            prior: ids of the designs that a warm start begins from.

        Returns:
            The job, and whether it is new.

        Raises:
            IdempotencyConflict: the key was used with another request hash.
        """
        job_id = new_job_id()
        with self._database.write() as connection:
            owner = job_id if idempotency is None else _claim_key(connection, idempotency, job_id)
            if owner != job_id:
                return _get(connection, owner), False
            _insert(connection, job_id, circuit, config, message, prior)
            record(connection, job_id, EventKind.CREATED, {"state": JobState.QUEUED})
            return _get(connection, job_id), True

    def of_key(self, idempotency: Idempotency) -> JobRecord | None:
        """The job that was queued under this key; None for a new key.

        Raises:
            IdempotencyConflict: the key was used with another request hash.
        """
        with self._database.read() as connection:
            job_id = _job_of_key(connection, idempotency)
            return None if job_id is None else _get(connection, job_id)

    def get(self, job_id: str) -> JobRecord:
        """The job of this id.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            return _get(connection, job_id)

    def page(self, query: JobQuery | None = None) -> Page[JobRecord]:
        """Jobs, the newest first.

        Raises:
            BadCursor: the cursor is of another query, or none at all.
        """
        query = query or JobQuery()
        with self._database.read() as connection:
            rows = connection.execute(_listing(query)).mappings().all()
        shown = rows[: query.limit]
        return Page(
            tuple(job_record(row) for row in shown),
            _cursor(query, shown[-1]) if len(rows) > len(shown) else None,
        )

    def count_by_state(self) -> dict[JobState, int]:
        """How many jobs there are in each state."""
        query = sa.select(jobs.c.state, sa.func.count().label("jobs")).group_by(jobs.c.state)
        with self._database.read() as connection:
            found = {row.state: row.jobs for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    def set_wanted_state(self, job_id: str, wanted: WantedState) -> JobRecord:
        """Say what is wanted of a job.

        A job that nobody runs (queued, paused, or its runner's lease ran out) comes to it at
        once: it is queued again, paused or cancelled. A runner looks twice a second. Asking for
        what is wanted already changes nothing.

        Raises:
            NotFound: no such job.
            JobEnded: the job has ended; to cancel a cancelled job again is no error.
        """
        with self._database.write() as connection:
            row = lock(connection, job_id)
            state = JobState(row["state"])
            if state.ended and not (state is JobState.CANCELLED and wanted is WantedState.CANCEL):
                raise JobEnded(f"job {job_id} has {_ENDED[state]}; start a new one")
            if not state.ended and wanted != row["wanted_state"]:
                _want(connection, row, wanted)
            return _get(connection, job_id)


_ENDED = {
    JobState.FINISHED: "finished",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "been cancelled",
}


def _claim_key(connection: Connection, idempotency: Idempotency, job_id: str) -> str:
    """The job that the key stands for: `job_id`, or one that was there before."""
    row = {**idempotency._asdict(), "job_id": job_id, "created_at": now(connection)}
    if insert_if_new(connection, idempotency_keys, row):
        return job_id
    return _job_of_key(connection, idempotency) or job_id


def _job_of_key(connection: Connection, idempotency: Idempotency) -> str | None:
    query = sa.select(idempotency_keys).where(idempotency_keys.c.key == idempotency.key)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    if row["request_hash"] != idempotency.request_hash:
        raise IdempotencyConflict(
            f"idempotency key {idempotency.key!r} was used before with another request; "
            "use a new key for a new request"
        )
    job_id: str = row["job_id"]
    return job_id


def _insert(
    connection: Connection,
    job_id: str,
    circuit: Circuit,
    config: JobConfig,
    message: str,
    prior: Sequence[int],
) -> None:
    row: dict[str, Any] = {
        "id": job_id,
        "circuit_name": circuit.name,
        "circuit_hash": save(connection, circuit),
        "config": config.model_dump(mode="json"),
        "state": JobState.QUEUED,
        "wanted_state": WantedState.RUN,
        "simulations": 0,
        "message": message,
        "created_at": now(connection),
        "version": 1,
        "epoch": 0,
        "prior": list(prior) or None,
    }
    connection.execute(sa.insert(jobs).values(**row))


def _get(connection: Connection, job_id: str) -> JobRecord:
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no job {job_id!r}; list the jobs to see which there are")
    return job_record(row)


def _want(connection: Connection, row: RowMapping, wanted: WantedState) -> None:
    change(connection, row, wanted_state=wanted)
    record(connection, row["id"], EventKind.WANTED_STATE, {"wanted_state": wanted})
    if _nobody_runs(connection, row):
        move(connection, lock(connection, row["id"]), resting_state(wanted))


def _nobody_runs(connection: Connection, row: RowMapping) -> bool:
    expiry: datetime | None = row["lease_until"]
    return row["state"] != JobState.RUNNING or (expiry is not None and expiry < now(connection))


def _listing(query: JobQuery) -> sa.Select[Any]:
    selected = sa.select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    if query.state is not None:
        selected = selected.where(jobs.c.state == query.state)
    if query.circuit_name is not None:
        selected = selected.where(jobs.c.circuit_name == query.circuit_name)
    if query.cursor is not None:
        moment, job_id = _position(query)
        after = sa.tuple_(jobs.c.created_at, jobs.c.id) < sa.tuple_(
            sa.literal(moment, jobs.c.created_at.type), sa.literal(job_id, jobs.c.id.type)
        )
        selected = selected.where(after)
    return selected.limit(query.limit + 1)


def _position(query: JobQuery) -> tuple[datetime, str]:
    position = decode(query.cursor or "", _what(query))
    try:
        moment = datetime.fromisoformat(str(position.value)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadCursor(
            "the cursor cannot be read; take next_cursor from the page before"
        ) from error
    return moment, str(position.id)


def _cursor(query: JobQuery, row: RowMapping) -> str:
    return encode(_what(query), Position(row["created_at"].isoformat(), row["id"]))


def _what(query: JobQuery) -> str:
    return "jobs" + query.model_dump_json(exclude={"cursor", "limit"})
