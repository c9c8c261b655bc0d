"""The base of what the API hands out and takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ado_service.store.column_types import storable
from ado_service.store.design_query import LARGEST_PAGE

Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="Items a page.")]
Cursor = Annotated[
    str,
    Field(min_length=1, max_length=2000, description="`next_cursor` of the page before."),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
NextCursor = Annotated[
    str | None, Field(description="Asks for the next page; null on the last one.")
]


def utf8(value: Any) -> Any:
    """`value` with all text in it as UTF-8 can carry it.

    A lone surrogate, which an LLM may well write, is no character; U+FFFD takes its place.
    """
    match value:
        case str():
            return storable(value)
        case dict():
            return {utf8(key): utf8(item) for key, item in value.items()}
        case list() | tuple():
            return [utf8(item) for item in value]
    return value


Text = Annotated[str, BeforeValidator(utf8)]
"""Text that somebody else wrote."""


class Resource(BaseModel):
    """Something that is handed out; made from the store's record of it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Filters(BaseModel):
    """The query parameters of a listing; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Limit = 50
    cursor: Cursor | None = None
