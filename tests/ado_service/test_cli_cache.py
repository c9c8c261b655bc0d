"""Kept results on the command line, and circuits that were uploaded."""

from __future__ import annotations

from pathlib import Path

from ado_service.api.uploads import NEW_CIRCUITS
from ado_service.jobs.upload import Uploads
from ado_service.settings import Settings
from tests.ado_service.test_cli import ado, answer, written

JOB = ("run", "two_stage_amplifier", "--method", "random", "--budget", "6", "--json")


def test_a_run_again_simulates_nothing_and_comes_to_the_same(tmp_path: Path) -> None:
    first = answer(ado(tmp_path, *JOB))
    again = answer(ado(tmp_path, *JOB))
    assert (first["cached"], again["cached"]) == (0, 6)
    assert again["simulations"] == first["simulations"] == 6
    assert again["best"]["metrics"] == first["best"]["metrics"]
    for without in (ado(tmp_path, *JOB, "--no-cache"), ado(tmp_path, *JOB, ADO_CACHE="false")):
        assert answer(without)["cached"] == 0


def test_an_evaluation_finds_what_a_run_has_measured(tmp_path: Path) -> None:
    evaluate = ("evaluate", "two_stage_amplifier", "--json")
    first = answer(ado(tmp_path, *evaluate))
    again = answer(ado(tmp_path, *evaluate))
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["corners"] == first["corners"]
    assert answer(ado(tmp_path, *evaluate, "--no-cache"))["cached"] is False


def test_an_evaluation_needs_no_database(tmp_path: Path) -> None:
    away = ado(
        tmp_path, "evaluate", "two_stage_amplifier", "--json",
        "--database", "postgresql://nobody@127.0.0.1:1/none",
    )  # fmt: skip
    assert answer(away)["cached"] is False
    assert "without kept results" in away.stderr


def test_no_cache_writes_no_results(tmp_path: Path) -> None:
    answer(ado(tmp_path, *JOB, "--no-cache"))
    with written(tmp_path) as store:
        assert store.results.size() == 0


def test_an_uploaded_circuit_is_run_by_name(tmp_path: Path) -> None:
    files = NEW_CIRCUITS["divider"]["value"]["files"]
    with written(tmp_path) as store:
        record, _ = Uploads(store, Settings(data_dir=tmp_path)).take(files)
    for name in ("divider", record.hash):
        run = ("run", name, "--method", "random", "--budget", "6", "--json")
        assert answer(ado(tmp_path, *run))["circuit"] == "divider"
    unknown = ado(tmp_path, "run", "nothing", "--budget", "6")
    assert unknown.returncode == 2
    assert "nothing" in unknown.stderr
