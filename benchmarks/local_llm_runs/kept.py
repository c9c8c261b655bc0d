"""Rows of an earlier run, for a benchmark that is run in parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Row


def kept_rows(file: Path | None, new: Sequence[Row]) -> list[Row]:
    """The rows that a report's file has and `new` has not, each with what it was measured on."""
    if file is None or not file.is_file():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    renewed = {row.name for row in new}
    return [_kept(row, found["meta"]) for row in found["rows"] if row["name"] not in renewed]


def _kept(row: dict[str, Any], meta: dict[str, Any]) -> Row:
    """A row that was kept before says already where it is from."""
    earlier = {name: meta[name] for name in ("commit", "date", "seconds")}
    detail = {"measured": earlier, **row["detail"]}
    return Row(**{**row, "detail": detail})
