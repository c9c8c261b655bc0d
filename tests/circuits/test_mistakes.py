"""One line for one mistake, in words that need no knowledge of Python."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from circuits.mistakes import mistakes


class Entry(BaseModel):
    size: int = Field(gt=0)


class Sheet(BaseModel):
    entries: tuple[Entry, ...] = Field(default=(Entry(size=1),), min_length=1, max_length=2)


def told(value: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Sheet.model_validate({"entries": value})
    found = mistakes(caught.value.errors())
    return [(".".join(map(str, one["loc"])), one["msg"]) for one in found]


def test_a_list_with_a_bad_entry_is_not_called_too_short_as_well() -> None:
    assert told([{"size": 0}]) == [("entries.0.size", "Input should be greater than 0")]
    assert [place for place, _ in told([{"size": 0}, {}])] == ["entries.0.size", "entries.1.size"]


def test_lists_are_called_lists() -> None:
    assert told([]) == [("entries", "has no entry, but needs 1; add one")]
    assert told([{"size": 1}] * 3) == [("entries", "has too many entries; 2 are taken at most")]
    for no_list in ("a", None, 3):
        assert told(no_list) == [
            ("entries", "this must be a list; write its entries in brackets, as in [a, b]")
        ]
