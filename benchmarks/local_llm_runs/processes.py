"""Measurements one after the other, each in a fresh process, until time is up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from benchmarks.local_llm_runs.memory import EXACT_MALLOC
from benchmarks.local_llm_runs.one import OUT_OF_MEMORY, Measured, Task

LEFT_OUT = "left out: no time was left"
_KILLED = -9


def measured(tasks: Sequence[Task], *, seconds: float) -> Iterator[Measured]:
    """Each task's figures, in their order; what `seconds` do not suffice for has a failure."""
    end = time.monotonic() + seconds
    for task in tasks:
        yield _one(task, end - time.monotonic())


def _one(task: Task, seconds: float) -> Measured:
    if seconds <= 0:
        return Measured(task, failure=LEFT_OUT)
    command = [sys.executable, "-m", "benchmarks.local_llm_runs.one", json.dumps(asdict(task))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **EXACT_MALLOC}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        return Measured(task, failure=LEFT_OUT)
    if done.returncode == _KILLED:  # by the kernel, when a machine has no more memory
        return Measured(task, failure=OUT_OF_MEMORY)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Measured(task, failure=f"exit code {done.returncode}: {last}")
    return Measured.read(done.stdout)
