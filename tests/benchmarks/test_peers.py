"""The command: one format, the names that others rely on, and going on where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import Row


def peers(*arguments: str, code: int = 0) -> tuple[Any, str]:
    """(the JSON object, what was said on the way)."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", "--json", *arguments],
        capture_output=True, text=True, check=False, timeout=220,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else None, done.stderr


@pytest.mark.slow
def test_a_quick_comparison_and_its_records(tmp_path: Path) -> None:
    options = ("--quick", "--ours", "gp-bo", "--methods", "gp-bo,cma-es,random",
               "--runs", str(tmp_path / "runs"), "--plots", str(tmp_path))  # fmt: skip
    found, said = peers(*options)
    rows = {row["name"]: row for row in found["rows"]}
    circuit = "two_stage_amplifier"
    assert set(rows) == {
        *(f"sims-to-specs/{one}/{peer}" for one in (circuit, "all")
          for peer in ("cma-es", "random")),
        "sims-to-specs/circuits-won",
        *(f"feasible-105/{one}/{name}" for one in (circuit, "all")
          for name in ("gp-bo", "cma-es", "random")),
        *(f"proposer-seconds/{name}" for name in ("cma-es", "random", "many-trials")),
    }  # fmt: skip
    for row in rows.values():
        assert set(row) == set(Row.__dataclass_fields__)
        assert row["n"] >= 1
    assert rows[f"sims-to-specs/{circuit}/cma-es"]["n"] == 2
    assert rows["proposer-seconds/cma-es"]["ratio"] < 1  # an evolution strategy costs nothing
    assert "[6/6]" in said
    assert (tmp_path / "peers.svg").is_file()
    lines = (tmp_path / "runs" / circuit / "gp-bo.jsonl").read_text().splitlines()
    made = json.loads(lines[0])["provenance"]
    assert {"simulator", "machine", "date", "commit", "version of botorch"} <= set(made)

    (tmp_path / "runs" / circuit / "random.jsonl").unlink()
    again, said = peers(*options, "--no-seconds")
    assert "[2/2]" in said  # what was on record is not run again
    same = [row for row in again["rows"] if row["name"].startswith("sims")]
    assert same == [row for row in found["rows"] if row["name"].startswith("sims")]


def test_an_unknown_method_or_circuit_is_refused() -> None:
    assert "magic" in peers("--methods", "magic", code=2)[1]
    assert "no_such" in peers("--circuits", "no_such", code=2)[1]
