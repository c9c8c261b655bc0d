"""Rows of what a step takes on this CPU: memory in bfloat16, time in the type it computes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from benchmarks.local_llm_runs.account import Account, account
from benchmarks.local_llm_runs.configuration import (
    CONFIGURATIONS,
    LORA_RANK,
    QLORA,
    QLORA_CHECKPOINTED,
    QST,
    QST_CHECKPOINTED,
    REDUCTION,
)
from benchmarks.local_llm_runs.one import Measured, Task
from benchmarks.local_llm_runs.processes import measured
from benchmarks.local_llm_runs.shapes import SHAPES
from benchmarks.local_llm_runs.step_times import StepTimes, quicker_dtype, step_times
from benchmarks.report import Row, ratio_row

MEMORY_GOAL, STEP_GOAL = 2.3, 2.0
CHECKPOINTED_MEMORY_GOAL, CHECKPOINTED_STEP_GOAL = 1.0, 3.0
_MIB = 2**20
_BF16 = "bfloat16"
_IN_ROWS = (QST, QST_CHECKPOINTED, QLORA, QLORA_CHECKPOINTED)


@dataclass(frozen=True, slots=True)
class CpuPlan:
    """How much is measured.

    Attributes:
        shape: name of one in `SHAPES`.
        batch, length: tokens of a step are `batch x length`.
        repeats: timed steps of each configuration.
        emulated: timed steps in bfloat16 where the CPU only emulates it.
        alone: configurations whose memory is measured in a process of their own.
        seconds: for these processes together.
    """

    shape: str
    batch: int
    length: int
    repeats: int
    emulated: int
    alone: tuple[str, ...]
    seconds: float


FULL = CpuPlan(
    "30m", batch=2, length=512, repeats=5, emulated=1, alone=tuple(CONFIGURATIONS), seconds=900.0
)
QUICK = CpuPlan(
    "tiny", batch=2, length=128, repeats=3, emulated=1,
    alone=(QST_CHECKPOINTED, QLORA_CHECKPOINTED), seconds=40.0,
)  # fmt: skip


def cpu_rows(plan: CpuPlan) -> list[Row]:
    """The four rows that others rely on, one of each configuration, and those of emulation."""
    shape, dtype = SHAPES[plan.shape], quicker_dtype()
    size = {"batch": plan.batch, "length": plan.length}
    accounts = {name: account(shape, one, **size) for name, one in CONFIGURATIONS.items()}
    times = step_times(shape, CONFIGURATIONS, dtype=dtype, repeats=plan.repeats, **size)
    tasks = [Task(plan.shape, name, plan.batch, plan.length, "cpu", _BF16, steps=0)
             for name in plan.alone]  # fmt: skip
    alone = {one.task.configuration: one for one in measured(tasks, seconds=plan.seconds)}
    found = CpuFigures(plan, accounts, times, alone)
    rows = [*_memory_rows(found), *_step_rows(times, "")]
    if dtype is not torch.bfloat16:
        emulated = step_times(shape, _IN_ROWS, dtype=torch.bfloat16, repeats=plan.emulated, **size)
        rows.extend(_step_rows(emulated, f"/{_BF16}-emulated"))
    return [*rows, *(_each(found, name) for name in CONFIGURATIONS)]


@dataclass(frozen=True, slots=True)
class CpuFigures:
    """All that was counted and measured, by configuration; `alone` may lack some."""

    plan: CpuPlan
    accounts: Mapping[str, Account]
    times: StepTimes
    alone: Mapping[str, Measured]

    def saved(self, name: str) -> float:
        """MiB saved for the backward pass: as measured, otherwise by shape."""
        one = self.alone.get(name)
        known = one is not None and not one.failure
        return (one.saved if one is not None and known else self.accounts[name].saved) / _MIB

    def total(self, name: str) -> float | None:
        """MiB of the weights, by shape, and the most that steps took beside them, measured."""
        one = self.alone.get(name)
        if one is None or one.failure:
            return None
        return (self.accounts[name].weights + one.peak) / _MIB


def _memory_rows(found: CpuFigures) -> list[Row]:
    setting = {
        "shape": found.plan.shape,
        "tokens": f"{found.plan.batch} x {found.plan.length}",
        "dtype": _BF16,
        "reduction": REDUCTION,
        "lora_rank": LORA_RANK,
    }
    by_shape = {
        name: round(found.accounts[name].total / _MIB, 1)
        for name in (QST_CHECKPOINTED, QLORA_CHECKPOINTED)
    }
    return [
        _row("memory/qst-vs-qlora", found.saved(QST), found.saved(QLORA), QLORA,
             "MiB saved for the backward pass", MEMORY_GOAL, setting),
        _row("memory/qst-vs-qlora-checkpointed", found.total(QST_CHECKPOINTED),
             found.total(QLORA_CHECKPOINTED), QLORA_CHECKPOINTED,
             "MiB, weights and peak of a step", CHECKPOINTED_MEMORY_GOAL,
             {**setting, "weights_optimizer_saved_by_shape": by_shape}),
    ]  # fmt: skip


def _row(
    name: str, ours: float | None, peer: float | None, peer_name: str, unit: str, goal: float,
    detail: dict[str, Any],
) -> Row:  # fmt: skip
    """Of figures of which less is better; a process without figures leaves it open."""
    ratio = None if ours is None or peer is None else peer / ours
    return Row(
        name=name, ours=ours, peer=peer, peer_name=peer_name, unit=unit, ratio=ratio, goal=goal,
        holds=None if ratio is None else ratio >= goal, n=1, low=None, high=None, detail=detail,
    )  # fmt: skip


def _step_rows(times: StepTimes, ending: str) -> list[Row]:
    """Tokens a second, each repeat against the peer's of the same turn."""
    pairs = (
        ("qst-vs-qlora", QST, QLORA, STEP_GOAL),
        ("qst-vs-qlora-checkpointed", QST_CHECKPOINTED, QLORA_CHECKPOINTED,
         CHECKPOINTED_STEP_GOAL),
    )  # fmt: skip
    return [
        ratio_row(
            f"step/{pair}{ending}", times.rates(ours), times.rates(peer), peer_name=peer,
            unit="tokens/s", goal=goal, detail={"dtype": times.dtype},
        )
        for pair, ours, peer, goal in pairs
    ]  # fmt: skip


def _each(found: CpuFigures, name: str) -> Row:
    """Row `cpu/CONFIGURATION`: speed against QLoRA's, and every other figure in the detail."""
    counted, times, total = found.accounts[name], found.times, found.total(name)
    tokens = found.plan.batch * found.plan.length
    alone = found.alone.get(name)
    detail: dict[str, Any] = {
        "saved_mib": round(found.saved(name), 2),
        "weights_mib": round(counted.weights / _MIB, 1),
        "weights_and_peak_mib": None if total is None else round(total, 1),
        "step_s": round(median(times.seconds[name]), 3),
        "mflop_per_token": round(counted.flops / tokens / 1e6, 1),
        "trained_m": round(counted.trained / 1e6, 3),
        "loss": round(times.losses[name], 4),
    }
    if alone is not None and alone.failure:
        detail["failure"] = alone.failure
    return ratio_row(
        f"cpu/{name}", times.rates(name), times.rates(QLORA), peer_name=QLORA, unit="tokens/s",
        goal=None, detail=detail,
    )  # fmt: skip
