"""From records to rows: medians, goals, intervals, and no peer's win hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from benchmarks.peer_runs.bootstrap import mean_interval, median_ratio
from benchmarks.peer_runs.field import Field, geometric_mean
from benchmarks.peer_runs.plot import curve, draw, draw_panel
from benchmarks.peer_runs.record import Record, Step
from benchmarks.peer_runs.rows import left_out, rows
from benchmarks.peer_runs.seconds import limit_row, peer_row
from benchmarks.report import Row


def record(circuit: str, method: str, seed: int, first: int | None) -> Record:
    return Record(
        circuit=circuit, method=method, seed=seed, budget=205, full=False,
        simulations=first or 205, first_feasible=first, steps=(Step(1, 0.1 * seed, 2),), rounds=10,
        propose_seconds=5.0, seconds=9.0,
    )  # fmt: skip


def field(**circuits: dict[str, list[int | None]]) -> Field:
    """Runs by circuit and method; the method `ours` is ours."""
    return Field(
        "ours",
        {
            circuit: {
                method: [record(circuit, method, seed, one) for seed, one in enumerate(firsts, 1)]
                for method, firsts in by_method.items()
            }
            for circuit, by_method in circuits.items()
        },
    )


TWO = field(
    two_stage_amplifier={
        "ours": [40, 50, 60], "optuna": [None, 100, 180], "ax": [90, 90, 90],
        "turbo-1": [60, 75, 70], "random": [None, None, None],
    },
    other={"ours": [100, 100, 100], "optuna": [80, 90, 70], "ax": [150, None, 110]},
)  # fmt: skip


def by_name(found: list[Row]) -> dict[str, Row]:
    assert len({row.name for row in found}) == len(found)
    return {row.name: row for row in found}


def test_a_row_for_every_circuit_and_peer_and_the_total() -> None:
    found = by_name(rows(TWO))
    names = {f"sims-to-specs/two_stage_amplifier/{name}" for name in ("optuna", "ax", "turbo-1")}
    names |= {"sims-to-specs/other/ax", "sims-to-specs/all/random", "feasible-105/all/ours"}
    names |= {"feasible-105/other/optuna", "feasible-105/two_stage_amplifier/ours"}
    assert names <= set(found)
    assert "sims-to-specs/other/turbo-1" not in found  # it has no run there


def test_a_run_that_never_gets_there_counts_as_its_budget() -> None:
    row = by_name(rows(TWO))["sims-to-specs/two_stage_amplifier/optuna"]
    assert (row.ours, row.peer, row.n) == (50, 180, 3)
    assert row.ratio == pytest.approx(3.6)
    assert row.detail["peer_never"] == 1
    assert row.low is not None
    assert row.high is not None
    assert row.low <= 3.6 <= row.high


def test_the_goal_of_a_circuit_is_held_against_its_best_off_the_shelf_peer() -> None:
    found = by_name(rows(TWO))
    best = found["sims-to-specs/two_stage_amplifier/ax"]
    assert (best.goal, best.holds) == (1.25, True)
    assert found["sims-to-specs/two_stage_amplifier/optuna"].goal is None
    assert found["sims-to-specs/two_stage_amplifier/turbo-1"].goal is None
    lost = found["sims-to-specs/other/optuna"]
    assert (lost.goal, lost.holds) == (1.25, False)
    won = found["sims-to-specs/circuits-won"]
    assert (won.ours, won.n, won.holds) == (0.5, 2, False)


def test_where_a_peer_wins_the_row_says_so() -> None:
    found = by_name(rows(TWO))
    assert found["sims-to-specs/other/optuna"].detail["winner"] == "Optuna TPE"
    assert "winner" not in found["sims-to-specs/two_stage_amplifier/optuna"].detail


def test_the_total_is_over_the_runs_of_all_circuits() -> None:
    found = by_name(rows(TWO))
    row = found["sims-to-specs/all/ax"]
    assert (row.ours, row.peer, row.n, row.goal) == (80.0, 100.0, 6, 2.0)
    assert row.detail["mean_of_circuit_ratios"] == pytest.approx((1.8 * 1.5) ** 0.5, abs=1e-3)
    assert found["sims-to-specs/all/turbo-1"].goal == pytest.approx(1 / 0.7)
    assert found["sims-to-specs/all/random"].goal is None


def test_seeds_are_compared_in_pairs() -> None:
    runs = field(one={"ours": [10, 20, 30], "optuna": [100]})
    row = by_name(rows(runs))["sims-to-specs/one/optuna"]
    assert (row.n, row.ours, row.peer) == (1, 10, 100)


def test_feasible_seeds() -> None:
    found = by_name(rows(TWO))
    ours = found["feasible-105/two_stage_amplifier/ours"]
    assert (ours.ours, ours.peer, ours.goal, ours.holds) == (1.0, 0.9, 1.0, True)
    assert found["feasible-105/other/ours"].goal is None
    theirs = found["feasible-105/two_stage_amplifier/optuna"]
    assert theirs.peer == pytest.approx(1 / 3)
    assert theirs.ratio == pytest.approx(3.0)
    detail = theirs.detail
    assert (detail["by_50"], detail["by_105"], detail["by_205"]) == (0.0, 0.333, 0.667)
    assert detail["best_fom_median"] == pytest.approx(0.2)
    assert detail["propose_seconds_per_round"] == 0.5
    assert found["feasible-105/two_stage_amplifier/random"].ratio is None


def test_a_peer_that_is_not_installed_is_left_out_aloud() -> None:
    [row] = left_out(TWO, {"hebo": "not installed"})
    assert row.name == "sims-to-specs/all/hebo"
    assert row.detail == {"left_out": "not installed"}
    assert row.peer is None


def test_the_interval_narrows_with_the_seeds_and_repeats() -> None:
    few = median_ratio([[10, 20, 30, 40]], [[30, 50, 90, 95]])
    many = median_ratio([[10, 20, 30, 40] * 20], [[30, 50, 90, 95] * 20])
    assert few[0] == many[0] == pytest.approx(2.8)
    assert many[2] - many[1] < few[2] - few[1]
    assert few == median_ratio([[10, 20, 30, 40]], [[30, 50, 90, 95]])
    assert median_ratio([[5.0] * 4], [[10.0] * 4]) == (2.0, 2.0, 2.0)
    # Paired: a peer that is twice ours on every seed is twice ours in every resample.
    assert median_ratio([[10, 30, 70]], [[20, 60, 140]]) == (2.0, 2.0, 2.0)


def test_the_interval_of_a_share() -> None:
    assert mean_interval([1.0] * 5) == (1.0, 1.0)
    low, high = mean_interval([1.0, 0.0] * 5)
    assert 0.1 <= low < 0.5 < high <= 0.9


def test_geometric_mean() -> None:
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)


def test_seconds() -> None:
    row = peer_row("gp-bo", "ax", [0.2, 0.1, 0.3], [0.9, 0.8, 1.0], 100)
    assert (row.name, row.goal, row.holds) == ("proposer-seconds/ax", 3.0, True)
    assert row.ratio == pytest.approx(4.5)
    assert peer_row("gp-bo", "optuna", [0.2], [0.1], 100).goal is None
    assert limit_row([1.0, 2.0, 4.1], 1000).holds is False
    assert limit_row([1.0, 2.0, 3.9], 1000).holds is True
    quick = limit_row([1.0], 60), peer_row("gp-bo", "ax", [0.1], [0.9], 20)
    assert [(row.goal, row.holds) for row in quick] == [(None, None)] * 2, "too few"


def test_the_plot_repeats_and_names_every_method(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(TWO, tmp_path / f"{name}.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for word in ("Optuna TPE", "TuRBO-1", "two_stage_amplifier", "other", "simulations"):
        assert word in text


def test_a_method_keeps_its_colour_where_others_have_no_runs() -> None:
    colours: dict[str, set[str]] = {}
    for circuit in TWO.circuits:
        panel = Figure().subplots()
        draw_panel(panel, TWO, circuit)
        for line in panel.get_lines():
            colours.setdefault(line.get_label(), set()).add(line.get_color())
    assert all(len(found) == 1 for found in colours.values())
    lines = [colours[label] for label in ("Optuna TPE", "Ax, default", "TuRBO-1")]
    assert len(set.union(*lines)) == 3


def test_a_curve_rises_where_a_seed_gets_there() -> None:
    x, y = curve(TWO.runs("two_stage_amplifier", "optuna"))
    assert (x[0], x[-1], y[99], y[100], y[180], y[205]) == (0, 205, 0.0, 1 / 3, 2 / 3, 2 / 3)
