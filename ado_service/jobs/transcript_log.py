"""An LLM conversation on the design database, fenced by the job's lease."""

from __future__ import annotations

from collections.abc import Sequence

from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.recorded import Transcript
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.store.transcript_record import (
    NewTranscript,
    TranscriptMessage,
    TranscriptRecord,
)


def recorded_turn(store: Store, job_id: str, turn: int) -> Transcript | None:
    """A turn of any job; None when it has not been taken."""
    row = store.transcripts.get(job_id, turn)
    return None if row is None else _transcript(row)


class StoreTranscriptLog:
    """The turns of a leased job (see `TranscriptLog`)."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    def get(self, turn: int) -> Transcript | None:
        """See `TranscriptLog`."""
        return recorded_turn(self._store, self._lease.job_id, turn)

    def put(self, transcript: Transcript) -> None:
        """See `TranscriptLog`."""
        reply = transcript.reply
        self._store.transcripts.put(
            self._lease,
            NewTranscript(
                turn=transcript.turn,
                messages=tuple(
                    TranscriptMessage(role=one.role, content=one.content)
                    for one in transcript.messages
                ),
                reply=reply.text,
                failure=None if reply.failure is None else str(reply.failure),
                detail=reply.detail,
                calls=reply.usage.calls,
                prompt_tokens=reply.usage.prompt_tokens,
                completion_tokens=reply.usage.completion_tokens,
                cost=reply.usage.cost,
                seconds=reply.usage.seconds,
                model=transcript.model,
                profile=transcript.profile,
                prompt_version=transcript.prompt_version,
            ),
        )

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """See `TranscriptLog`."""
        self._store.transcripts.judged(self._lease, turn, accepted, rejected)

    def used(self) -> Usage:
        """See `TranscriptLog`."""
        totals = self._store.transcripts.totals(self._lease.job_id)
        return Usage(
            totals.calls,
            totals.prompt_tokens,
            totals.completion_tokens,
            totals.cost,
            totals.seconds,
        )


def _transcript(row: TranscriptRecord) -> Transcript:
    usage = Usage(row.calls, row.prompt_tokens, row.completion_tokens, row.cost, row.seconds)
    failure = None if row.failure is None else ChatFailure(row.failure)
    return Transcript(
        turn=row.turn,
        messages=tuple(Message(one.role, one.content) for one in row.messages),
        reply=Reply(row.reply, failure, row.detail, usage),
        profile=row.profile,
        model=row.model,
        accepted=row.accepted,
        rejected=row.rejected,
        prompt_version=row.prompt_version,
    )
