"""The embedded model's benchmarks: real jobs, real answers, true rows."""

from __future__ import annotations

import pytest

from ado_service.local_llm import embedded
from benchmarks.embedded import _race_rows
from benchmarks.embedded_runs.race import Race
from tests.benchmarks.test_benchmarks import check, run

CIRCUIT = "five_transistor_ota"


@pytest.mark.skipif(not embedded.is_there(), reason="this tree has no embedded model yet")
def test_a_quick_comparison() -> None:
    found = run("benchmarks.embedded", "--quick", "--seeds", "1", "--workers", "1")
    names = {
        f"embedded/sims-to-specs/{CIRCUIT}",
        f"embedded/start/{CIRCUIT}",
        f"embedded/demonstrations/{CIRCUIT}/top-vs-random",
        f"embedded/demonstrations/{CIRCUIT}/top-vs-none",
        "embedded/valid",
        "embedded/seconds/first-token",
        "embedded/seconds/proposal",
    }
    rows = check(found, names)
    assert rows["embedded/valid"]["ours"] == 1.0
    assert rows["embedded/valid"]["n"] == 8
    seconds = [rows[f"embedded/seconds/{what}"]["ours"] for what in ("first-token", "proposal")]
    assert 0 < seconds[0] < seconds[1]


def test_a_job_without_success_counts_as_its_budget() -> None:
    races = [
        Race("c", seed, local, sobol, start=(1.0, 2.0), random=(0.5, 0.7))
        for seed, (local, sobol) in enumerate([(20, 60), (30, 60), (105, 60)], start=1)
    ]
    sims, start = _race_rows("c", races)
    assert (sims.ours, sims.peer, sims.ratio, sims.holds) == (30, 60, 2.0, True)
    assert sims.detail["local"] == [20, 30, 105]
    assert start.detail["ahead"] == 0.9
    assert (start.detail["best"], start.detail["best random"]) == (2.0, 0.7)
