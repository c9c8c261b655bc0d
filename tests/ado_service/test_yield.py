"""`ado yield` as a process, on real simulations."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from circuits.loader import LIBRARY
from tests.ado_service.test_cli import ado, answer

SIZES = ("--set", "w1=5u")


def test_a_design_of_the_command_line(tmp_path: Path) -> None:
    asked = ("yield", "hysteresis_comparator", "--set", "w2=10u", "--samples", "40", "--seed", "3")
    out = tmp_path / "mc"
    found = answer(ado(tmp_path, *asked, "--out", str(out), "--json"))
    assert found["samples"] == 40
    assert found["yield"] == found["passed"] / 40
    assert 0 <= found["low"] <= found["yield"] <= found["high"] <= 1
    assert set(found["missed"]) == {"gain", "ugf", "hysteresis", "offset", "power"}
    offset = found["metrics"]["offset"]
    assert offset["sigma"] > 0
    assert offset["low"] <= offset["percentiles"]["50"] <= offset["high"]
    assert found["nominal"]["metrics"]["offset"] is not None
    assert json.loads((out / "yield.json").read_text()) == found
    with (out / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["mismatch_sample"] for row in rows}) == 40
    assert sum(int(row["meets_specs"]) for row in rows) == found["passed"]
    again = answer(ado(tmp_path, *asked, "--json", ADO_CACHE="false"))
    assert again == found
    other = answer(ado(tmp_path, *asked[:-1], "4", "--json"))
    assert other["metrics"] != found["metrics"]


def test_the_best_design_of_the_newest_job(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        job = answer(
            ado(
                tmp_path, "run", "two_stage_amplifier", "--method", "random", "--budget", "6",
                "--llm", "none", "--seed", seed, "--json",
            )
        )  # fmt: skip
        if seed == "1":
            first = job
    newest = answer(ado(tmp_path, "yield", "two_stage_amplifier", "--samples", "5", "--json"))
    assert newest["variables"] == job["best"]["variables"]
    assert newest["nominal"]["metrics"] == job["best"]["metrics"]
    named = answer(
        ado(
            tmp_path, "yield", "two_stage_amplifier", "--job", first["job_id"], "--samples", "5",
            "--json",
        )
    )  # fmt: skip
    assert named["variables"] == first["best"]["variables"]
    shown = ado(tmp_path, "yield", "two_stage_amplifier", "--samples", "5")
    assert shown.returncode == 0, shown.stderr
    assert "of 5 samples meet every spec), 95% confidence" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no job of two_stage_amplifier has a design; size it first"),
        (("--job", "job_x"), "job_x"),
        (("--set", "w99=1u"), "no such variable"),
        ((*SIZES, "--corner", "hot"), "--corner hot: two_stage_amplifier has nominal"),
        ((*SIZES, "--spec-set", "x"), "has no spec set 'x'; it has paper"),
        ((*SIZES, "--samples", "1"), "--samples"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    run = ado(tmp_path, "yield", "two_stage_amplifier", *arguments)
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_a_circuit_without_mismatch_says_so(tmp_path: Path) -> None:
    source = LIBRARY / "two_stage_amplifier"
    for file in source.glob("*.cir"):
        (tmp_path / file.name).write_text(file.read_text())
    text = (source / "circuit.yaml").read_text()
    start = text.index("# per device;")
    end = text.index("\ndesign_principles:")
    (tmp_path / "circuit.yaml").write_text(text[:start] + text[end:])
    run = ado(tmp_path, "yield", str(tmp_path), *SIZES)
    assert run.returncode == 2
    assert "its models have no mismatch statistics" in run.stderr
    assert "add a `mismatch:` section to circuit.yaml" in run.stderr
