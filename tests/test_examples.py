"""The folders under examples/ work as the documents say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.parent for path in (ROOT / "examples").glob("*/circuit.yaml"))


def ado(*arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "ado_service.cli", *arguments, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_folder_is_checked_and_sized(folder: Path, tmp_path: Path) -> None:
    checked = ado("check", str(folder))
    assert checked["failure"] is None
    database = f"sqlite:///{tmp_path / 'designs.db'}"
    asked = ("--budget", "12", "--seed", "1", "--objective", "fom", "--database", database)
    found = ado("run", str(folder), *asked)
    assert found["simulations"] == 12
    best = found["best"]
    assert isinstance(best, dict)
    assert None not in best["metrics"].values()


def test_there_are_examples() -> None:
    assert [folder.name for folder in FOLDERS] == ["sky130_ota"]
