"""An event as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ado_service.api.resource import Resource, utf8


class Event(Resource):
    """Something that happened to a job."""

    id: int = Field(description="Increasing within a job.")
    job_id: str
    kind: str = Field(description="created, state, wanted_state, design, round, llm, note, ...")
    data: Annotated[dict[str, Any], BeforeValidator(utf8)] = Field(description="By kind.")
    created_at: datetime
