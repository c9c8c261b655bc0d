"""The peer: a fresh `ngspice -b` per netlist."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_INIT = "set ngbehavior=hsa\nset ng_nomodcheck\nset num_threads=1\n"
"""What the sky130 PDK tells its users to put into .spiceinit, and one thread."""
_LINE = re.compile(r"(?m)^(\w+)\s+=\s+([-+.\deE]+)")


@contextmanager
def batch_folder(init: str = _INIT) -> Iterator[Path]:
    """A folder to run ngspice in, its HOME too."""
    with tempfile.TemporaryDirectory(prefix="ado-bench-") as name:
        (Path(name) / ".spiceinit").write_text(init, encoding="ascii")
        yield Path(name)


def run_batch(
    folder: Path, name: str, text: str, *, may_fail: bool = False
) -> tuple[float, dict[str, float]]:
    """(seconds, what is printed as `name = value`) of one run; writing the file is not counted.

    Raises:
        RuntimeError: it printed no value at all, and may not: the comparison would be of nothing.
    """
    (folder / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    clock = time.perf_counter()
    said = subprocess.run(
        ["ngspice", "-b", name],  # noqa: S607 - the user's own ngspice
        cwd=folder, capture_output=True, text=True, check=False,
        env={**environment, "HOME": str(folder)},
    )  # fmt: skip
    seconds = time.perf_counter() - clock
    found = {key: float(value) for key, value in _LINE.findall(said.stdout)}
    if not found and not may_fail:
        raise RuntimeError(f"the peer measured nothing: {said.stdout[-300:]}{said.stderr[-300:]}")
    return seconds, found


def run_all(folder: Path, netlists: Mapping[str, str]) -> tuple[list[float], dict[str, float]]:
    """(seconds of each, all values) of a design's netlists."""
    seconds: list[float] = []
    values: dict[str, float] = {}
    for name, text in netlists.items():
        took, found = run_batch(folder, name, text)
        seconds.append(took)
        values |= found
    return seconds, values
