"""The transcript of a job: what was said to its LLM and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from ado_service.api.documented import problems
from ado_service.api.resource import Filters, NextCursor, Resource, Text
from ado_service.api.routing import router
from ado_service.api.service import StoreHere
from ado_service.store.cursor import Position, decode, encode
from ado_service.store.errors import BadCursor
from ado_service.store.transcript_record import TranscriptRecord

routes = router("/v1/jobs", "jobs")


class Message(Resource):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Turn(Resource):
    """A prompt, its reply, its price, and what was taken from it."""

    job_id: str
    turn: int = Field(description="Counts the turns of the job from 0.")
    messages: list[Message]
    reply: Text = Field(description="Text of the reply; empty when there was none.")
    failure: str | None = Field(description="Failure kind; null when there is a reply.")
    detail: str
    calls: int = Field(description="HTTP requests sent, retries included.")
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: float
    model: str
    profile: str
    accepted: int | None = Field(description="Designs taken over; null until it was judged.")
    rejected: list[Text] = Field(description="Why the other designs were not.")
    created_at: datetime


class Transcript(Resource):
    """Turns in their order."""

    items: list[Turn]
    next_cursor: NextCursor


@routes.get(
    "/{job_id}/transcript",
    operation_id="getTranscript",
    summary="Read what the LLM was told and replied",
    response_model=Transcript,
    responses=problems(404),
)
def get_transcript(
    store: StoreHere, job_id: str, filters: Annotated[Filters, Query()]
) -> Transcript:
    """The turns of the job's conversation with its LLM, in order; none without an LLM."""
    store.jobs.get(job_id)
    last = _last_turn(job_id, filters.cursor)
    behind = store.transcripts.page(job_id, last, filters.limit + 1)
    shown = behind[: filters.limit]
    return Transcript(
        items=[Turn.model_validate(turn) for turn in shown],
        next_cursor=_cursor(shown[-1]) if len(behind) > len(shown) else None,
    )


def _what(job_id: str) -> str:
    return f"transcript {job_id}"


def _cursor(last: TranscriptRecord) -> str:
    return encode(_what(last.job_id), Position(None, last.turn))


def _last_turn(job_id: str, cursor: str | None) -> int:
    if cursor is None:
        return -1
    turn = decode(cursor, _what(job_id)).id
    if not isinstance(turn, int):
        raise BadCursor("the cursor cannot be read; take next_cursor from the page before")
    return turn
