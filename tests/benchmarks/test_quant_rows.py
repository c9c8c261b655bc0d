"""Rows of LoftQ and PEQA: what they claim is measured, and holds."""

from __future__ import annotations

import pytest

from benchmarks.compression_runs import quant_rows


def test_errors_of_reconstruction_are_below_the_published_ones() -> None:
    rows = {row.name: row for row in quant_rows.loftq_rows(seeds=2)}

    assert set(rows) == {"loftq/error-nf4", "loftq/error-nf2"}
    for row in rows.values():
        assert row.holds
        assert row.ratio is not None
        assert row.low is not None
        assert 1 < row.low <= row.ratio
        # Both forms of the algorithm, on the same matrices.
        assert row.ours == pytest.approx(min(row.detail["by step"]), abs=5e-5)
        assert row.ours < row.detail["published algorithm"]
        assert (
            row.detail["published algorithm"] < row.detail["published algorithm, quantized alone"]
        )
    assert rows["loftq/error-nf2"].ratio > 1.4  # type: ignore[operator]


def test_a_task_switch_is_far_below_its_bound() -> None:
    switch, against = quant_rows.switch_rows(repeats=20, reloads=1)

    assert (switch.name, against.name) == ("peqa/switch", "peqa/switch-vs-reload")
    assert switch.holds
    assert switch.detail["layers"] == 4 * 7
    assert against.ratio is not None
    assert against.ratio > 10


def test_memory_is_that_of_the_paper() -> None:
    scales, memory = quant_rows.memory_rows()

    assert scales.holds
    assert memory.holds
    assert memory.ratio == pytest.approx(13.6, abs=0.1)
