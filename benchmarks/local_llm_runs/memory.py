"""How much memory a process holds and held at most: on a CPU by the kernel, on a GPU by torch."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch

EXACT_MALLOC: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""Environment in which glibc gives freed blocks back at once, so that resident memory is what is
held and not what was. It costs time: steps are timed without it."""


class Memory(Protocol):
    """Bytes of this process."""

    def held(self) -> int:
        """Now."""
        ...

    def restart(self) -> None:
        """Forget the peak so far."""
        ...

    def peak(self) -> int:
        """The most since `restart`."""
        ...


class ResidentMemory:
    """Of a Linux process: pages that are in memory (VmRSS and VmHWM of `proc(5)`)."""

    def held(self) -> int:
        """Now, garbage collected."""
        gc.collect()
        return _status("VmRSS")

    def restart(self) -> None:
        """Forget the peak so far."""
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> int:
        """The most since `restart`."""
        return _status("VmHWM")


class CudaMemory:
    """Of a CUDA device: what torch has allocated, without what it keeps in reserve."""

    def held(self) -> int:
        """Now, garbage collected."""
        gc.collect()
        return torch.cuda.memory_allocated()

    def restart(self) -> None:
        """Forget the peak so far."""
        torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int:
        """The most since `restart`."""
        return torch.cuda.max_memory_allocated()


def memory_of(device: str) -> Memory:
    """Of "cpu", or of a CUDA device."""
    return ResidentMemory() if device == "cpu" else CudaMemory()


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}; this measurement needs Linux")
