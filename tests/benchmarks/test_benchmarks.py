"""The benchmarks run, speak one format, and keep the names that others rely on."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import calibration
from benchmarks.report import Row, ratio_row, report
from circuits.loader import library_names

FIELDS = set(Row.__dataclass_fields__)


def run(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(found: Any, names: set[str]) -> dict[str, Any]:
    assert {"commit", "machine", "versions", "seconds"} <= set(found["meta"])
    rows = {row["name"]: row for row in found["rows"]}
    assert names <= set(rows)
    for row in rows.values():
        assert set(row) == FIELDS
        assert row["n"] >= 1
    return rows


def test_simulation(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "simulation.json"
    found = run("benchmarks.simulation", "--quick", "--out", str(out))
    names = """
        generic-op-ac generic-op-ac/floor sky130-op-ac sky130-op-ac/floor sky130-op-ac/fast
        sky130-tran sky130-tran/floor two-cores memory-10000 reload-equals-batch sky130-flattened
        hostile-contained hang-killed crash-to-next
    """
    rows = check(found, set(names.split()))
    assert json.loads(out.read_text())["rows"] == found["rows"]
    assert rows["memory-10000"]["detail"]["last_equals_first"]
    # A ratio within one run, far below what it should be: a pool that reloads nothing twice.
    assert rows["generic-op-ac"]["ratio"] > 1.5
    assert rows["sky130-op-ac"]["ratio"] > 50
    exact = ("reload-equals-batch", "sky130-flattened", "hostile-contained")
    assert all(rows[name]["holds"] for name in exact)


def test_an_unknown_method_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.paper", "--methods", "magic"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "magic" in done.stderr


def test_a_ratio_is_the_median_of_paired_repeats() -> None:
    row = ratio_row("x", [2.0, 9.0, 8.0], [1.0, 3.0, 2.0], peer_name="p", unit="1/s", goal=3.0)
    assert (row.ratio, row.low, row.high, row.n, row.holds) == (3.0, 2.0, 4.0, 3, True)
    assert row.ours == pytest.approx(8.0)


def test_a_table_shows_names_and_brackets_whole(capsys: pytest.CaptureFixture[str]) -> None:
    name = "sims-to-specs/sky130_two_stage_amplifier/optuna-constrained"
    cure = "pip install -c constraints.txt --editable '.[bench]'"
    row = ratio_row(name, [1.0], [2.0], peer_name="Optuna TPE, constrained", unit="simulations",
                    goal=3.0, detail={"left_out": cure})  # fmt: skip
    options = argparse.Namespace(json=False, out=None)
    report([row], options, 0.0)
    table, _, details = capsys.readouterr().out.rpartition("┘")
    assert f" {name} " in table
    assert " Optuna TPE, constrained " in table
    assert " simulations " in table
    assert cure in details


def test_gating() -> None:
    rows = check(
        run("benchmarks.gating", "--quick"),
        {f"gating-decks/{name}" for name in ("two_stage_amplifier", "hysteresis_comparator")},
    )
    for row in rows.values():
        assert row["ratio"] >= 1
        assert row["detail"]["decks_of_everything"] == [10 * 5 * 2]


def test_warm_start() -> None:
    found = run("benchmarks.warm_start", "--quick", "--seeds", "1")
    names = {
        f"warm-start/{kind}/hysteresis_comparator" for kind in ("other-specs", "other-circuit")
    }
    for row in check(found, names).values():
        assert len(row["detail"]["earlier"]) == row["n"] == 1
        assert 1 <= row["ours"] <= 12
        assert row["ratio"] == row["peer"] / row["ours"]


def test_pareto() -> None:
    circuit = "hysteresis_comparator"
    names = {f"pareto/hypervolume/{circuit}", f"pareto/feasible/{circuit}", "pareto/seconds"}
    rows = check(run("benchmarks.pareto", "--quick"), names)
    assert set(rows) == names
    assert 0 <= rows[f"pareto/feasible/{circuit}"]["ours"] <= 1
    volume = rows[f"pareto/hypervolume/{circuit}"]
    assert volume["holds"] is (volume["ours"] > volume["peer"])


def test_calibration_has_every_circuit_of_the_library() -> None:
    assert set(calibration.CIRCUITS) == set(library_names())
    rows = check(
        run("benchmarks.calibration", "--quick", "--circuits", "two_stage_amplifier"),
        {"random-feasible/two_stage_amplifier"},
    )
    [row] = rows.values()
    assert sum(row["detail"]["designs_by_specs_met"].values()) == row["n"] == 256
    assert row["holds"] is (row["ours"] <= row["peer"])
