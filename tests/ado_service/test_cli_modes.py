"""Objectives and warm starts on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.ado_service.test_cli import ado, answer

AMPLIFIER = "two_stage_amplifier"
SMALL = ("--llm", "none", "--budget", "10", "--json")


def test_a_front_is_found_printed_and_listed(tmp_path: Path) -> None:
    first = answer(ado(tmp_path, "run", AMPLIFIER, *SMALL, "--method", "random"))
    assert (first["objective"], first["pareto"]) == ("specs", None)
    assert first["credit"]["best_by"] == "random"
    asked = ("run", AMPLIFIER, *SMALL[:-1], "--objective", "pareto:power,gbw+")
    shown = ado(tmp_path, *asked, "--warm-start", first["job_id"])
    assert shown.returncode == 0, shown.stderr
    assert "Pareto front: " in shown.stdout
    assert "better than all rounds before: " in shown.stdout
    [job, _] = answer(ado(tmp_path, "jobs", "--json"))
    assert job["config"]["objective"] == "pareto:power-,gbw+"
    assert job["config"]["warm_start"] == [first["job_id"]]
    whole = answer(ado(tmp_path, "jobs", job["id"]))
    listed = answer(ado(tmp_path, "designs", "--pareto", job["id"], "--sort", "id", "--json"))
    assert whole["pareto"]["size"] == len(listed["designs"])
    assert {one["proposer"] for one in whole["credit"]["proposers"]} >= {"prior", "gp"}
    refused = ado(tmp_path, "designs", "--pareto", job["id"], "--job", first["job_id"])
    assert refused.returncode == 2
    assert "name different jobs" in refused.stderr


def test_what_cannot_be_served_is_said_plainly(tmp_path: Path) -> None:
    for option, value, said in (
        ("--objective", "best", "no objective 'best'; write specs, fom, or pareto:METRIC,METRIC"),
        ("--objective", "pareto:area,power", "no metric 'area'; known are gain"),
        ("--warm-start", "job_gone", "no job and no circuit 'job_gone'"),
    ):
        refused = ado(tmp_path, "run", AMPLIFIER, *SMALL, option, value)
        assert refused.returncode == 2
        assert said in refused.stderr


def test_the_end_follows_from_the_objective_unless_it_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "easy"
    folder.mkdir()
    (folder / "circuit.yaml").write_text(
        "name: divider\ntitle: Voltage divider\n"
        "variables: [{name: r, unit: Ohm, low: 1k, high: 10k}]\n"
        "testbenches: [{name: ac, netlist: ac.cir}]\nmetrics: [{name: gain, unit: dB}]\n"
        "spec_sets: [{name: easy, specs: [{metric: gain, direction: '>', threshold: -60, "
        "norm: 60, weight: 1, penalty: -2}]}]\n"
    )
    (folder / "ac.cir").write_text(
        "* divider\n.param r=2k\nv1 in 0 dc 1 ac 1\nr1 in out {r}\nr2 out 0 1k\n.ac lin 1 1 1\n"
        ".meas ac gain max vdb(out)\n.end\n"
    )
    for options, simulations in (
        ((), 5),
        (("--objective", "fom"), 10),
        (("--no-stop-when-feasible",), 10),
        (("--objective", "fom", "--stop-when-feasible"), 5),
    ):
        asked = ("run", str(folder), *SMALL, "--method", "random", *options)
        found = answer(ado(tmp_path, *asked))
        assert found["simulations"] == simulations, options
        assert found["simulations_to_all_specs"] == 1
