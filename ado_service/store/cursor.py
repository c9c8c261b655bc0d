"""Opaque cursors: where a listing stopped, by the sort value and id of its last item."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass

from ado_service.store.errors import BadCursor

_LONGEST = 1024
_CURE = "take next_cursor from the page before and leave sort and filters as they were"


@dataclass(frozen=True, slots=True)
class Position:
    """The last item of a page: its value under the listing's sort, and its id, the tie-break."""

    value: float | str | None
    id: int | str


def fingerprint(query: str) -> str:
    """A short name for a query (sort and filters, not the place in it)."""
    return hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def encode(query: str, position: Position) -> str:
    """The cursor that goes on behind `position` in the listing of `query`."""
    fields = [fingerprint(query), position.value, position.id]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def decode(cursor: str, query: str) -> Position:
    """Where `cursor` stands in the listing of `query`.

    Raises:
        BadCursor: it is no cursor, or one of another query.
    """
    fields = _fields(cursor)
    if not isinstance(fields, list) or len(fields) != 3:
        raise BadCursor(f"the cursor cannot be read; {_CURE}")
    mark, value, key = fields
    if mark != fingerprint(query):
        raise BadCursor(f"the cursor belongs to another query; {_CURE}")
    if not (_is_value(value) and _is_id(key)):
        raise BadCursor(f"the cursor cannot be read; {_CURE}")
    return Position(value, key)


def _fields(cursor: str) -> object:
    if len(cursor) > _LONGEST:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return None


def _is_value(value: object) -> bool:
    return value is None or isinstance(value, str) or _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _is_id(key: object) -> bool:
    return isinstance(key, str) or (type(key) is int and abs(key) < 2**63)
