"""Seconds of a step of every configuration, taken in turn, so that other load hits all alike."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from benchmarks.local_llm_runs.base_model import random_base
from benchmarks.local_llm_runs.configuration import CONFIGURATIONS
from benchmarks.local_llm_runs.one import finish
from benchmarks.local_llm_runs.shapes import Shape
from benchmarks.local_llm_runs.tunee import tunee

_RATE = 1e-4
_WARM_UP_LENGTH = 32


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Of some configurations.

    Attributes:
        tokens: of a step.
        dtype: of all that is not NF4, and of what is computed.
        seconds: of this process on the CPU, of each repeat, by configuration; repeats of all
            were taken in turn. On one thread that is the time of a step on an idle machine.
        losses: after the last step, nats a token.
    """

    tokens: int
    dtype: str
    seconds: dict[str, list[float]]
    losses: dict[str, float]

    def rates(self, name: str) -> list[float]:
        """Tokens a second of each repeat."""
        return [self.tokens / one for one in self.seconds[name]]


def step_times(
    shape: Shape, names: Iterable[str], *, batch: int, length: int, dtype: torch.dtype,
    repeats: int,
) -> StepTimes:  # fmt: skip
    """Steps of `batch x length` random tokens on the CPU, on one thread."""
    torch.manual_seed(0)
    ids = torch.randint(shape.vocabulary, (batch, length))
    ready = {}
    for name in names:
        configuration = CONFIGURATIONS[name]
        base = random_base(shape, nf4=configuration.nf4, dtype=dtype)
        made = tunee(base, configuration, dtype=dtype)
        ready[name] = made, made.optimizer(_RATE)
        finish(*ready[name], made.loss(ids[:1, :_WARM_UP_LENGTH]))
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    losses: dict[str, float] = {}
    for _ in range(repeats):
        for name, (made, optimizer) in ready.items():
            clock = time.process_time()
            losses[name] = finish(made, optimizer, made.loss(ids))
            seconds[name].append(time.process_time() - clock)
    return StepTimes(batch * length, str(dtype).removeprefix("torch."), seconds, losses)


def quicker_dtype() -> torch.dtype:
    """bfloat16 where this CPU computes in it, float32 where it would only emulate it."""
    took = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(512, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
        left @ right
        clock = time.process_time()
        for _ in range(5):
            left @ right
        took[dtype] = time.process_time() - clock
    return min(took, key=lambda dtype: took[dtype])
