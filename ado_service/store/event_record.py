"""Something that happened to a job."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from ado_service.store.record import Record


class EventKind(StrEnum):
    """The kinds of events that the service itself writes; the log takes any other too."""

    CREATED = "created"
    STATE = "state"
    WANTED_STATE = "wanted_state"
    DESIGN = "design"
    ROUND = "round"
    LLM = "llm"
    NOTE = "note"


class EventRecord(Record):
    """An entry of a job's append-only log.

    Attributes:
        id: increasing; among a job's events also in the order in which they become visible, so
            that a reader who asks for ids beyond the last one misses none.
        job_id: the job.
        kind: see `EventKind`.
        data: what is to be said, by kind.
        created_at: UTC.
    """

    id: int
    job_id: str
    kind: str
    data: dict[str, Any]
    created_at: datetime
