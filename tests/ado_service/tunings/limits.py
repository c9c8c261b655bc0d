"""Limits for a process that is to run into them in the middle of a tuning."""

from __future__ import annotations

import resource
from pathlib import Path

MIB = 2**20


def apply(limit: str) -> None:
    """Take away all but a little of `file` sizes or of `memory`."""
    if limit == "file":  # room for the database, and not for a checkpoint
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    else:
        status = Path("/proc/self/status").read_text()
        data = 1024 * int(status.split("VmData:")[1].split()[0])
        resource.setrlimit(resource.RLIMIT_DATA, (data + 60 * MIB,) * 2)
