"""Rows of LoftQ's error of reconstruction, and of PEQA's task switch and memory.

`loftq/error-BOOK`: ||M - Q - A B^T|| / ||M|| of Gaussian matrices at rank 32 after five steps, with
fitted scales, against the least error of the published algorithm (scales by the largest weight);
that algorithm on the same matrices is in the detail, and what quantization alone leaves.
`peqa/switch`: the slowest change of a task in a live model of the embedded one's shape, in ms.
`peqa/switch-vs-reload`: changes of a task a second, against loading and quantizing it anew.
`peqa/scales-65b`, `peqa/memory-65b`: trained scales and memory to tune LLaMA-65B at 4 bits, by
shape alone, against the paper's figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from ado_service.local_llm import embedded
from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.loftq.factorization import Factorization, factorize
from ado_service.local_llm.peqa.memory import LLAMA_65B, peqa_memory
from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.pretrain.network import Shape, fresh
from ado_service.local_llm.pretrain.vocabulary import trained
from ado_service.local_llm.quant.code_book import CodeBook, Scaling
from benchmarks.report import Row, ratio_row

RANK, STEPS, SIZE = 32, 5, 512
PUBLISHED_ERRORS = {CodeBook.NF4: 0.072, CodeBook.NF2: 0.444}
"""LoftQ's own algorithm at rank 32, the least over its steps."""
SWITCH_GOAL_MS = 50.0
PUBLISHED_SCALES_M, PUBLISHED_GB, PUBLISHED_FULL_GB = 6.80, 33.0, 457.0
"""Of LLaMA-65B at 4 bits (arXiv 2305.14152, tables 1 and 4)."""

_MEMORY_GOAL = 13.0
_TASKS = 3
_GB, _MS = 1e9, 1e3


def loftq_rows(seeds: int = 5) -> list[Row]:
    """A row for each code book that has a published figure; some 5 s a seed."""
    return [_error_row(book, seeds) for book in PUBLISHED_ERRORS]


def peqa_rows(repeats: int = 100, reloads: int = 3) -> list[Row]:
    """All rows of PEQA; some 10 s."""
    return [*switch_rows(repeats, reloads), *memory_rows()]


def _error_row(book: CodeBook, seeds: int) -> Row:
    ours, published = (
        [_factorized(_gaussian(seed), book, scaling) for seed in range(seeds)]
        for scaling in (Scaling.FITTED, Scaling.ABSMAX)
    )
    goal = PUBLISHED_ERRORS[book]
    errors = [one.error for one in ours]
    found = median(errors)
    return Row(
        name=f"loftq/error-{book.value}", ours=found, peer=goal, peer_name="published trend",
        unit="relative error", ratio=goal / found, goal=1.0, holds=max(errors) <= goal,
        n=seeds, low=goal / max(errors), high=goal / min(errors),
        detail={
            "size": f"{SIZE} x {SIZE}", "rank": RANK, "steps": STEPS,
            "by step": _by_step(ours),
            "quantized alone": round(median(one.plain for one in ours), 4),
            "published algorithm": round(median(one.error for one in published), 4),
            "published algorithm by step": _by_step(published),
            "published algorithm, quantized alone": round(
                median(one.plain for one in published), 4
            ),
        },
    )  # fmt: skip


def _factorized(M: Tensor, book: CodeBook, scaling: Scaling) -> Factorization:
    return factorize(M, book, rank=RANK, steps=STEPS, scaling=scaling)


def _gaussian(seed: int) -> Tensor:
    return torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def _by_step(found: Sequence[Factorization]) -> list[float]:
    steps = zip(*(one.errors for one in found), strict=True)
    return [round(median(errors), 4) for errors in steps]


def switch_rows(repeats: int, reloads: int) -> list[Row]:
    """Rows `peqa/switch` and `peqa/switch-vs-reload`."""
    with _embedded_folder() as (folder, what):
        seconds = []
        for _ in range(reloads):
            started = time.perf_counter()
            scaled = _quantized(folder)
            seconds.append(time.perf_counter() - started)
        switches = _switch_seconds(scaled, repeats)
    slowest = _MS * max(switches)
    detail = {
        "model": what,
        "layers": len(scaled.layers),
        "scales": sum(one.numel() for one in scaled.trained.values()),
        "median": round(_MS * median(switches), 3),
    }
    bounded = Row(
        name="peqa/switch", ours=slowest, peer=SWITCH_GOAL_MS, peer_name="bound", unit="ms",
        ratio=SWITCH_GOAL_MS / slowest, goal=1.0, holds=slowest < SWITCH_GOAL_MS, n=repeats,
        low=_MS * min(switches), high=slowest, detail=detail,
    )  # fmt: skip
    against = ratio_row(
        "peqa/switch-vs-reload", [1 / median(switches)] * reloads, [1 / one for one in seconds],
        peer_name="load and quantize", unit="changes/s", goal=None, detail=detail,
    )  # fmt: skip
    return [bounded, against]


def _quantized(folder: Path) -> ScaledBackbone:
    backbone = Backbone.load(folder, quantization=Quantization.NONE, dtype=torch.float32)
    return ScaledBackbone.quantize(backbone, PEQASettings(4))


def _switch_seconds(scaled: ScaledBackbone, repeats: int) -> list[float]:
    """Seconds of each switch, from one task to the next in turn."""
    generator = torch.Generator().manual_seed(0)
    tasks = [
        {name: torch.randn(one.shape, generator=generator) for name, one in scaled.task().items()}
        for _ in range(_TASKS)
    ]
    seconds = []
    for number in range(repeats):
        started = time.perf_counter()
        scaled.switch(tasks[number % _TASKS])
        seconds.append(time.perf_counter() - started)
    return seconds


@contextmanager
def _embedded_folder() -> Iterator[tuple[Path, str]]:
    """The embedded model, or one of its shape that nothing was taught; and which of the two."""
    if embedded.is_there():
        yield embedded.FOLDER, "embedded"
        return
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = trained(["w1=1.5u"])
        fresh(tokenizer, Shape(), seed=0).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        yield Path(folder), "shape of the embedded one"


def memory_rows() -> list[Row]:
    """Rows `peqa/scales-65b` and `peqa/memory-65b`; nothing is allocated."""
    found = peqa_memory(LLAMA_65B, PEQASettings(4))
    scales, total, full = found.scales / 1e6, found.total / _GB, found.full / _GB
    return [
        Row(
            name="peqa/scales-65b", ours=scales, peer=PUBLISHED_SCALES_M, peer_name="published",
            unit="M trained", ratio=PUBLISHED_SCALES_M / scales, goal=None,
            holds=abs(scales - PUBLISHED_SCALES_M) < 0.005, n=1, low=None, high=None, detail={},
        ),
        Row(
            name="peqa/memory-65b", ours=total, peer=full, peer_name="full fine-tuning", unit="GB",
            ratio=full / total, goal=_MEMORY_GOAL,
            holds=int(total) == PUBLISHED_GB and round(full) == PUBLISHED_FULL_GB,
            n=1, low=None, high=None,
            detail={
                "published": f"{PUBLISHED_GB:g} against {PUBLISHED_FULL_GB:g}",
                "weights": round(found.weights / _GB, 2),
                "gradients and moments": round(found.training / _GB, 3),
                "a task": round(found.task / _GB, 4),
                "full with gradients and AdamW in 16 bit": round(8 * found.parameters / _GB),
            },
        ),
    ]  # fmt: skip
