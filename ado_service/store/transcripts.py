"""The transcripts: every turn of every conversation with an LLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from ado_service.store.database import Database, now
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.event_record import EventKind
from ado_service.store.events import record
from ado_service.store.fence import change, hold
from ado_service.store.lease_record import Lease
from ado_service.store.tables import transcripts
from ado_service.store.transcript_record import LlmTotals, NewTranscript, TranscriptRecord

_SUMMED = ("calls", "prompt_tokens", "completion_tokens", "cost", "seconds", "accepted")


class Transcripts:
    """What was said to LLMs and what came of it. Safe to use from any thread.

    A turn is put on record before its reply is used, so that a job that is resumed never pays
    for a reply twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, lease: Lease, transcript: NewTranscript) -> TranscriptRecord:
        """Put a turn on record, with an event of kind `llm`.

        Raises:
            LeaseLost: the lease no longer holds.
            AlreadyExists: the job has this turn already.
        """
        with self._database.write() as connection:
            job = hold(connection, lease)
            row = transcript.model_dump() | {
                "job_id": lease.job_id,
                "rejected": [],
                "created_at": now(connection),
            }
            try:
                connection.execute(sa.insert(transcripts).values(**row))
            except IntegrityError as error:
                raise AlreadyExists(
                    f"turn {transcript.turn} of job {lease.job_id} is on record already; use it"
                ) from error
            change(connection, job)
            record(connection, lease.job_id, EventKind.LLM, _news(transcript))
        return TranscriptRecord.model_validate({**row, "accepted": None})

    def judged(self, lease: Lease, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Note what became of a turn's reply; a later note replaces the earlier one.

        Args:
            lease: of the job.
            turn: the turn.
            accepted: how many of its designs were taken over.
            rejected: why the others were not.

        Raises:
            LeaseLost: the lease no longer holds.
            NotFound: the job has no such turn.
        """
        with self._database.write() as connection:
            job = hold(connection, lease)
            noted = connection.execute(
                sa.update(transcripts)
                .where(transcripts.c.job_id == lease.job_id, transcripts.c.turn == turn)
                .values(accepted=accepted, rejected=list(rejected))
            )
            if noted.rowcount == 0:
                raise NotFound(f"job {lease.job_id} has no turn {turn}; put it on record first")
            change(connection, job)

    def get(self, job_id: str, turn: int) -> TranscriptRecord | None:
        """The turn of the job; None when it is not on record."""
        found = self._select(
            sa.select(transcripts).where(transcripts.c.job_id == job_id, transcripts.c.turn == turn)
        )
        return found[0] if found else None

    def of_job(self, job_id: str) -> list[TranscriptRecord]:
        """All turns of a job, in order; none for an unknown job."""
        return self._select(
            sa.select(transcripts)
            .where(transcripts.c.job_id == job_id)
            .order_by(transcripts.c.turn)
        )

    def page(self, job_id: str, last_turn: int = -1, limit: int = 50) -> list[TranscriptRecord]:
        """The job's turns beyond `last_turn`, in order, `limit` at most."""
        return self._select(
            sa.select(transcripts)
            .where(transcripts.c.job_id == job_id, transcripts.c.turn > last_turn)
            .order_by(transcripts.c.turn)
            .limit(limit)
        )

    def totals(self, job_id: str) -> LlmTotals:
        """What the job's turns came to together; all zero without any.

        Prompts and replies are not read: the loop asks before each turn.
        """
        of_job = transcripts.c.job_id == job_id
        summed = [sa.func.coalesce(sa.func.sum(transcripts.c[name]), 0) for name in _SUMMED]
        with self._database.read() as connection:
            turns, *sums = connection.execute(
                sa.select(sa.func.count(), *summed).where(of_job)
            ).one()
            rejected = connection.execute(sa.select(transcripts.c.rejected).where(of_job))
            refusals = sum(len(reasons) for reasons in rejected.scalars())
        totals = dict(zip(_SUMMED, sums, strict=True))
        return LlmTotals(turns=turns, rejected=refusals, **totals)

    def _select(self, query: sa.Select[Any]) -> list[TranscriptRecord]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_record(row) for row in rows]


def _record(row: RowMapping) -> TranscriptRecord:
    return TranscriptRecord.model_validate(dict(row))


def _news(transcript: NewTranscript) -> dict[str, object]:
    shown = {"turn", "failure", "calls", "prompt_tokens", "completion_tokens", "cost", "seconds"}
    return transcript.model_dump(include=shown)
