"""The same comparison on a GPU, at the paper's shapes: one process a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.local_llm_runs.configuration import (
    AVERAGE,
    QLORA,
    QLORA_CHECKPOINTED,
    QST,
    QST_CHECKPOINTED,
)
from benchmarks.local_llm_runs.one import Measured, Task
from benchmarks.local_llm_runs.processes import measured
from benchmarks.local_llm_runs.shape_rows import BATCHES, LENGTH
from benchmarks.report import Row

SECONDS = 570.0
"""For all configurations together: a command of ten minutes."""
_ORDER = (QST, QLORA, QLORA_CHECKPOINTED, QST_CHECKPOINTED, AVERAGE)
_STEPS = 4
_PAIRS = (
    ("qst-vs-qlora", QST, QLORA, 2.3, 2.0),
    ("qst-vs-qlora-checkpointed", QST_CHECKPOINTED, QLORA_CHECKPOINTED, 1.0, 3.0),
)
"""Row, ours, peer, and the goals of peak memory and of step time."""
_GB = 1e9


def gpu_tasks(models: Sequence[str], *, device: str = "cuda", length: int = LENGTH) -> list[Task]:
    """What is measured, the configurations that rows need first."""
    return [
        Task(model, name, batch, length, device, "bfloat16", _STEPS)
        for model in models
        for name in _ORDER
        for batch in BATCHES
    ]


def on_gpu(
    models: Sequence[str], *, lines: Path | None = None, seconds: float = SECONDS
) -> list[Row]:
    """All rows of these models; `lines` gets a line of JSON for each process as it ends."""
    found: list[Measured] = []
    for one in measured(gpu_tasks(models), seconds=seconds):
        found.append(one)
        if lines is not None:
            _append(lines, one)
    return list(gpu_rows(found))


def gpu_rows(found: Sequence[Measured]) -> Iterator[Row]:
    """Rows `gpu/WHAT/MODEL/BATCHxLENGTH/PAIR`, and `gpu/all/...` with every configuration."""
    places: dict[tuple[str, int, int], dict[str, Measured]] = {}
    for one in found:
        place = one.task.shape, one.task.batch, one.task.length
        places.setdefault(place, {})[one.task.configuration] = one
    for (model, batch, length), here in places.items():
        for pair, ours, peer, memory, time in _PAIRS:
            mine, its = here[ours], here[peer]
            name = f"{model}/{batch}x{length}/{pair}"
            yield _row(f"gpu/memory/{name}", mine, its, _total, "GB at the peak", memory)
            yield _row(f"gpu/step/{name}", mine, its, _seconds, "s a step", time)
        yield _all(f"gpu/all/{model}/{batch}x{length}", here)


def left_out_row() -> Row:
    """Says why there are no figures of a GPU here."""
    why = (
        "asked for with --device cuda, in a command of its own of at most ten minutes"
        if torch.cuda.is_available()
        else "this machine has no CUDA device that torch can use"
    )
    return Row(
        name="gpu", ours=None, peer=None, peer_name="-", unit="-", ratio=None, goal=None,
        holds=None, n=1, low=None, high=None, detail={"left_out": why},
    )  # fmt: skip


def _append(file: Path, one: Measured) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(one.line() + "\n")


def _total(one: Measured) -> float:
    return (one.loaded + one.peak) / _GB


def _seconds(one: Measured) -> float:
    return median(one.seconds)


def _row(name: str, mine: Measured, its: Measured, figure: Any, unit: str, goal: float) -> Row:
    """Theirs over ours; a side without figures leaves its own open, and says why."""
    ours = None if mine.failure else figure(mine)
    peer = None if its.failure else figure(its)
    ratio = peer / ours if ours is not None and peer is not None else None
    failures = {one.task.configuration: one.failure for one in (mine, its) if one.failure}
    return Row(
        name=name, ours=ours, peer=peer, peer_name=its.task.configuration, unit=unit, ratio=ratio,
        goal=goal, holds=None if ratio is None else ratio >= goal,
        n=max(1, len(mine.seconds)), low=None, high=None, detail=failures,
    )  # fmt: skip


def _all(name: str, here: dict[str, Measured]) -> Row:
    """Every configuration's figures in the detail."""
    detail = {key: one.failure or figures(one) for key, one in here.items()}
    return Row(
        name=name, ours=None, peer=None, peer_name="-", unit="-", ratio=None, goal=None,
        holds=None, n=1, low=None, high=None, detail=detail,
    )  # fmt: skip


def figures(one: Measured) -> dict[str, float]:
    """Of a row's detail."""
    tokens = one.task.batch * one.task.length
    return {
        "loaded_gb": round(one.loaded / _GB, 3),
        "saved_gb": round(one.saved / _GB, 3),
        "peak_gb": round((one.loaded + one.peak) / _GB, 3),
        "step_s": round(median(one.seconds), 4),
        "tokens_per_s": round(tokens / median(one.seconds), 1),
        "loss": round(one.loss, 4),
    }
