"""Rows by shape alone: LLaMA-2 at 7, 13 and 70 billion parameters, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.local_llm_runs.account import Account, account
from benchmarks.local_llm_runs.configuration import (
    CONFIGURATIONS,
    QLORA,
    QLORA_CHECKPOINTED,
    QST,
    QST_CHECKPOINTED,
)
from benchmarks.local_llm_runs.shapes import SHAPES
from benchmarks.report import Row

MODELS = ("7b", "13b", "70b")
BATCHES = (4, 16)
LENGTH = 384
_GB = 1e9
_PUBLISHED: dict[tuple[str, int], dict[str, Any]] = {
    ("7b", 4): {QLORA: 15.6, QST: 7.3},
    ("13b", 4): {QLORA: 25.4, QST: 12.6},
    ("70b", 4): {QLORA: 95.5, QST: 56.0},
    ("70b", 16): {
        "full": {"weights": 140, "optimizer": 420, "saved": 197, "total": 757},
        QLORA: {"weights": 36, "optimizer": 13, "saved": 197, "total": 246},
        QST: {"weights": 36, "optimizer": 4, "saved": 69, "total": 109},
    },
}
"""GB by configuration (arXiv 2401.07159, its figures and tables of memory); length 384."""


def shape_rows(*, quick: bool) -> Iterator[Row]:
    """Rows `shape/MODEL/BATCHx384` and the same with `/checkpointed`; quick has batch 4 only."""
    for model in MODELS:
        for batch in BATCHES[:1] if quick else BATCHES:
            wanted = (QST, QLORA) if quick else tuple(CONFIGURATIONS)
            name = f"shape/{model}/{batch}x{LENGTH}"
            found = {
                one: account(SHAPES[model], CONFIGURATIONS[one], batch=batch, length=LENGTH)
                for one in wanted
            }
            detail = _detail(found, batch * LENGTH, SHAPES[model].layers)
            published = _PUBLISHED.get((model, batch), "not reported")
            yield _row(name, found, QST, QLORA, {**detail, "paper_gb": published})
            if QST_CHECKPOINTED in found:
                yield _row(f"{name}/checkpointed", found, QST_CHECKPOINTED, QLORA_CHECKPOINTED, {})


def _row(name: str, found: dict[str, Account], ours: str, peer: str, detail: dict[str, Any]) -> Row:
    mine, its = found[ours].total / _GB, found[peer].total / _GB
    return Row(
        name=name, ours=mine, peer=its, peer_name=f"{peer}; ours {ours}", unit="GB",
        ratio=its / mine, goal=None, holds=None, n=1, low=None, high=None, detail=detail,
    )  # fmt: skip


def _detail(found: dict[str, Account], tokens: int, layers: int) -> dict[str, Any]:
    return {name: _parts(name, found, tokens, layers) for name in found}


def _parts(name: str, found: dict[str, Account], tokens: int, layers: int) -> dict[str, float]:
    """GB of one configuration, and what a layer needs on top when it is computed again."""
    one = found[name]
    parts = {
        "weights": round(one.weights / _GB, 2),
        "optimizer": round(one.optimizer / _GB, 2),
        "saved": round(one.saved / _GB, 2),
        "total": round(one.total / _GB, 2),
        "trained_m": round(one.trained / 1e6, 1),
        "gflop_per_token": round(one.flops / tokens / 1e9, 2),
    }
    plain, _, checkpointed = name.partition("+")
    if checkpointed and plain in found:
        parts["recomputed_layer"] = round((found[plain].saved - one.saved) / layers / _GB, 2)
    return parts
