"""A question to the design database: which jobs."""

from __future__ import annotations

from pydantic import Field

from ado_service.store.design_query import LARGEST_PAGE
from ado_service.store.job_record import JobState
from ado_service.store.record import Record


class JobQuery(Record):
    """Which jobs, the newest first; a filter that is None keeps all.

    Attributes:
        state, circuit_name: equal to this.
        limit: jobs a page, at most 200.
        cursor: `next_cursor` of the page before; None for the first page.
    """

    state: JobState | None = None
    circuit_name: str | None = None
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE)
    cursor: str | None = None
