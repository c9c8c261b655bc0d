"""The base of every value object that the store hands out or takes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A snapshot of a row: immutable, complete, with no tie to the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")
