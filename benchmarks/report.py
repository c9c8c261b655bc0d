"""One format for all benchmarks: rows of ours against a peer's, and what they were measured on."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_VERSIONS = ("torch", "botorch", "gpytorch", "numpy", "sqlalchemy")

_WIDTH = 250
"""Columns of a table: more than any of ours needs, so that nothing in it is cut off."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        name: fixed name that others rely on.
        ours, peer: the two figures, in `unit`.
        peer_name: who the peer is.
        ratio: more than 1 means that ours is better.
        goal: what the ratio is to reach; None where there is none.
        holds: whether it does.
        n: repeats or seeds. low, high: bounds of the ratio over them.
        detail: spread and whatever else explains the figures.
    """

    name: str
    ours: float | None
    peer: float | None
    peer_name: str
    unit: str
    ratio: float | None
    goal: float | None
    holds: bool | None
    n: int
    low: float | None
    high: float | None
    detail: dict[str, Any]


def ratio_row(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    peer_name: str,
    unit: str,
    goal: float | None,
    detail: dict[str, Any] | None = None,
) -> Row:
    """A row of paired repeats in which more is better: medians, and the spread of the ratio."""
    ratios = [mine / theirs for mine, theirs in zip(ours, peer, strict=True)]
    ratio = median(ratios)
    return Row(
        name=name,
        ours=median(ours),
        peer=median(peer),
        peer_name=peer_name,
        unit=unit,
        ratio=ratio,
        goal=goal,
        holds=None if goal is None else ratio >= goal,
        n=len(ratios),
        low=min(ratios),
        high=max(ratios),
        detail=detail or {},
    )


def parser(about: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    found = argparse.ArgumentParser(description=about)
    found.add_argument("--json", action="store_true", help="print one JSON object")
    found.add_argument("--quick", action="store_true", help="end within 60 s, the same names")
    found.add_argument("--out", type=Path, help="write the JSON object to this file too")
    return found


def report(rows: Sequence[Row], options: argparse.Namespace, started: float) -> None:
    """Print the rows as asked for, and write them where asked to."""
    meta = {
        "commit": commit(),
        "machine": f"{platform.system()} {platform.machine()}, {_cores()} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _VERSIONS},
        },
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(time.monotonic() - started, 1),
    }
    text = json.dumps({"rows": [asdict(row) for row in rows], "meta": meta}, indent=1)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        sys.stdout.write(text + "\n")
    else:
        _print(rows, meta)


def _print(rows: Sequence[Row], meta: dict[str, Any]) -> None:
    table = Table("name", "ours", "peer", "", "unit", "ratio", "range", "goal", "n")
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:g} {'✓' if row.holds else '✗'}"
        table.add_row(
            escape(row.name),
            _figure(row.ours),
            _figure(row.peer),
            escape(row.peer_name),
            escape(row.unit),
            _figure(row.ratio),
            "" if row.low is None else f"{_figure(row.low)}..{_figure(row.high)}",
            goal,
            str(row.n),
        )
    console = Console(width=_WIDTH)
    console.print(table)
    for row in rows:
        if row.detail:
            # Not markup: what stands in brackets would be taken for it, and left out.
            told = f"{row.name}: {row.detail}"
            console.print(told, soft_wrap=True, highlight=False, markup=False)
    console.print(meta, soft_wrap=True, highlight=False)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def commit() -> str:
    """The commit, with a + when the tree has changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def _cores() -> int:
    import os

    return os.cpu_count() or 1
