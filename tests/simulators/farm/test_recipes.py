"""docs/farm.md: each recipe is run, with a stand-in for the batch system that starts jobs here."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simulators.farm.pool import DaskPool
from tests.simulators.battery import gain_at
from tests.simulators.farm.own_farm import ROOT
from tests.simulators.small import DIVIDER, circuit

TEXT = (ROOT / "docs" / "farm.md").read_text(encoding="utf-8")
PYTHON = "/shared/ado/bin/python"
SUBMIT = {
    "LSF": ("bsub", "cat > {seen}", "Job <1> is submitted to queue <normal>."),
    "SLURM": ("sbatch", 'cat "$1" > {seen}', "Submitted batch job 1"),
    "SGE": ("qsub", 'cat "$1" > {seen}', 'Your job 1 ("dask-worker") has been submitted'),
}


def block(system: str, language: str) -> str:
    part = TEXT.split(f"### {system}\n")[1].split("\n###")[0]
    return part.split(f"```{language}\n")[1].split("```")[0]


@contextlib.contextmanager
def running(system: str, folder: Path) -> Iterator[str]:
    """The recipe as a process, its jobs on this machine; the address that it prints."""
    command, take, said = SUBMIT[system]
    seen = folder / "script"
    stand_in = folder / command
    stand_in.write_text(
        f"#!/bin/sh\n{take.format(seen=seen)}\n"
        f"sh {seen} > {folder}/job.log 2>&1 < /dev/null &\necho '{said}'\n",
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    recipe = block(system, "python").replace(PYTHON, sys.executable)
    recipe = recipe.replace("8786", "0").replace("jobs=4", "jobs=1")
    process = subprocess.Popen(
        [sys.executable, "-c", recipe],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip().removeprefix("ADO_DASK_ADDRESS=")
    finally:
        end_family(process)


def end_family(process: subprocess.Popen[str]) -> None:
    """The launcher, and the workers that the stand-in put into its process group."""
    family = [one for one in psutil.process_iter() if is_of(one, process.pid)]
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(20)
    assert process.stdout is not None
    process.stdout.close()


def is_of(one: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(one.pid) == group
    except OSError:
        return False


@pytest.mark.parametrize("system", list(SUBMIT))
def test_a_recipe_makes_a_farm(system: str, tmp_path: Path) -> None:
    with running(system, tmp_path) as address:
        assert address.startswith("tcp://")
        with DaskPool(circuit(DIVIDER), address=address) as pool:
            results = pool.run([{"r": 1e3}, {"r": 2e3}])
    assert [one.metrics()["gain"] for one in results] == [gain_at(1e3), gain_at(2e3)]
    script = (tmp_path / "script").read_text(encoding="utf-8")
    script = re.sub(r"tcp://\S+", "tcp://head:8786", script.replace(sys.executable, PYTHON))
    script = re.sub(r"--name \S+", "--name NAME", script)
    assert script.split() == block(system, "bash").split()


def test_every_recipe_is_here() -> None:
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == list(SUBMIT)
