"""What pydantic found wrong, told for people: one line for one mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FOLLOWS = "too_short"
"""pydantic counts a list's entries after their own checks: one that is bad is missing too."""
_LISTS = frozenset({"tuple_type", "list_type"})


def mistakes(details: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The errors of a `ValidationError` without those that only follow from others.

    Args:
        details: its `errors()`; with `ctx`.

    Returns:
        The same, `msg` in plain words.
    """
    return [{**one, "msg": _plain(one)} for one in details if not _follows(one, details)]


def _follows(one: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> bool:
    place = tuple(one["loc"])
    return one["type"] == _FOLLOWS and any(
        len(other["loc"]) > len(place) and tuple(other["loc"])[: len(place)] == place
        for other in details
    )


def _plain(detail: Mapping[str, Any]) -> str:
    kind, found = detail["type"], detail.get("ctx", {})
    if kind in _LISTS:
        return "this must be a list; write its entries in brackets, as in [a, b]"
    if kind == "too_short":
        return f"{_entries(found['actual_length'])}, but needs {found['min_length']}; add one"
    if kind == "too_long" and "max_length" in found:
        return f"has too many entries; {found['max_length']} are taken at most"
    return str(detail["msg"]).removeprefix("Value error, ")


def _entries(count: int) -> str:
    return {0: "has no entry", 1: "has one entry"}.get(count, f"has {count} entries")
