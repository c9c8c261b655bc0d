"""A turn of a job's conversation with an LLM: prompt, reply, price, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ado_service.store.record import Record


class TranscriptMessage(Record):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class NewTranscript(Record):
    """A turn as it is put on record, before its reply is used.

    Attributes:
        turn: counts the calls of a job from 0.
        messages: the prompt.
        reply: text of the reply; empty when it failed.
        failure, detail: failure kind and what the endpoint said; None when there is a reply.
        calls: HTTP requests sent, retries included.
        prompt_tokens, completion_tokens: as the endpoint counts them.
        cost: in the currency of the profile's prices.
        seconds: wall time, retries included.
        model, profile: who answered, and the profile that named it.
        prompt_version: version of the templates that made the messages.
    """

    turn: int = Field(ge=0)
    messages: tuple[TranscriptMessage, ...]
    reply: str = ""
    failure: str | None = None
    detail: str = ""
    calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    model: str = ""
    profile: str = ""
    prompt_version: str = ""


class TranscriptRecord(NewTranscript):
    """A turn on record.

    Attributes:
        job_id: the job; (job_id, turn) is unique.
        accepted: designs that were taken over; None until the reply was judged.
        rejected: why the others were not.
        created_at: UTC.
    """

    job_id: str
    accepted: int | None
    rejected: tuple[str, ...]
    created_at: datetime


class LlmTotals(Record):
    """What a job's conversation came to, over all turns."""

    turns: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    accepted: int = 0
    rejected: int = 0
