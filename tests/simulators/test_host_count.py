"""One host more than cores, but not on a single core."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = "from simulators.host_count import host_count; print(host_count())"


def _hosts_on(cores: set[int]) -> int:
    program = f"import os; os.sched_setaffinity(0, {cores}); {_PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_single_core_has_one_host() -> None:
    assert _hosts_on({min(os.sched_getaffinity(0))}) == 1


def test_several_cores_have_one_host_more() -> None:
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    assert _hosts_on(cores) == (len(cores) + 1 if len(cores) > 1 else 1)
