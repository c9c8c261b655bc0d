"""`ado tune` and `ado tunings`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import ado_service.local_llm as package
from ado_service.cli import app
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.runner import TuningRunner
from ado_service.tunings.submit import submit
from tests.ado_service.tunings.conftest import Scene, _template, _threads, scene
from tests.ado_service.tunings.scene import circuit, run_job, save_model, saved_steps

__all__ = ["_template", "_threads", "scene"]

SHORT = ["--steps", "2", "--batch", "1", "--r", "4", "--trials", "0"]


@pytest.fixture(autouse=True)
def _environment(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_DATA_DIR", str(scene.folder))
    monkeypatch.setenv("ADO_DATABASE_URL", scene.settings.database_url)
    monkeypatch.setenv("ADO_TUNING_THREADS", "1")
    monkeypatch.chdir(scene.folder)


def ado(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def as_json(*arguments: str) -> Any:
    result = ado(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_tunes_and_says_what_came_of_it(scene: Scene) -> None:
    result = ado("tune", "tiny", "--from", ",".join(scene.jobs), *SHORT, "--name", "better")
    assert result.exit_code == 0, result.output
    assert "loss, designs" in result.stdout
    assert "better is there: ado run CIRCUIT --llm better" in result.stdout
    [listed] = as_json("tunings")
    assert (listed["name"], listed["state"], listed["step"]) == ("better", "completed", 2)
    assert "better" in ado("tunings").stdout
    assert json.loads(ado("tunings", listed["id"]).stdout) == listed
    cancelled = ado("tunings", listed["id"], "--cancel")
    assert cancelled.exit_code == 2
    assert "is completed; start a new one" in cancelled.stderr


def test_a_folder_is_registered_with_its_tuning(scene: Scene) -> None:
    folder = save_model(scene.folder / "fresh", scene.store, seed=3)
    found = as_json("tune", str(folder), "--from", "divider", *SHORT, "--method", "lora")
    assert found["state"] == "completed"
    assert (found["name"], found["config"]["model"]) == ("fresh-lora", "fresh")
    record = scene.store.models.get("fresh")
    assert (record.path, record.quantization) == (folder, "none")
    again = as_json("tune", str(folder), "--from", "divider", *SHORT, "--method", "lora")
    assert (again["name"], again["config"]["model"]) == ("fresh-lora-2", "fresh")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a model and designs"),
        (["tiny"], "name a model and designs"),
        (["nobody", "--from", "divider"], "model: no model 'nobody'. Known are: "),
        (["./nowhere", "--from", "divider"], "nowhere is not a folder"),
        (["./empty", "--from", "divider"], "empty has no config.json"),
        (["tiny", "--from", "nothing"], "no job and no circuit 'nothing'"),
        (["./tiny-copy", "--from", "two_stage_amplifier"], "no job on two_stage_amplifier"),
        (["./fresh", "--from", "divider", "--name", "tiny"], "a model has the name 'tiny'"),
        (["./fresh", "--from", "divider", "--name", "fresh"], "is to be 'fresh' itself"),
        (["./fresh", "--from", "divider", "--name", "Bad Name"], "is no name of a model"),
        (["./fresh", "--from", "few"], "6 of the 6 designs on record were measured in full"),
        (["tiny", "--from", "divider", "--name", "tiny"], "a model has the name 'tiny'"),
        (["tiny", "--from", "divider", "--steps", "0"], "steps: Input should be greater"),
        (["--resume", "tuning_none"], "no tuning 'tuning_none'"),
    ],
)
def test_bad_input_changes_nothing(
    scene: Scene,
    arguments: list[str],
    said: str,
) -> None:
    Path("empty").mkdir()
    Path("tiny-copy").symlink_to("tiny")
    shutil.copytree("tiny", "fresh")
    if "few" in arguments:
        run_job(scene.store, scene.settings, circuit("few"), 0.5, budget=6)
    result = ado("tune", *arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert scene.store.tunings.page().items == ()
    assert [one.name for one in scene.store.models.list()] == ["tiny"]


def test_a_tuning_that_fails_is_a_failure(scene: Scene) -> None:
    result = ado("tune", "tiny", "--from", "divider", *SHORT, "--r", "5")
    assert result.exit_code == 1
    assert "reduction 5 does not divide" in result.stderr
    assert "--resume" not in result.stderr, "there is nothing to go on from"


def test_a_tuning_that_failed_late_is_resumed_or_given_up(scene: Scene) -> None:
    config = TuningConfig(
        model="tiny", sources=("divider",), steps=3, batch=1, reduction=4, trials=0, save_every=1
    )
    tuning, _ = submit(scene.store, config)
    lease = scene.store.tuning_leases.claim("test", 60, tuning.id)
    assert lease is not None
    runner = TuningRunner(scene.store, scene.settings, lambda: bool(saved_steps(scene, tuning.id)))
    runner.run(lease)
    weights = Path("tiny/model.safetensors")
    weights.rename("away")
    failed = ado("tune", "--resume", tuning.id)
    assert failed.exit_code == 1
    assert f"{scene.folder}/tiny has no model.safetensors" in failed.stderr
    assert f"go on from step 1: ado tune --resume {tuning.id}" in failed.stderr
    Path("away").rename(weights)
    resumed = as_json("tune", "--resume", tuning.id)
    assert (resumed["state"], resumed["step"]) == ("completed", 3)
    assert ado("tune", "--resume", tuning.id).exit_code == 2


def test_what_a_tuning_under_way_needs_cannot_be_taken_from_it(scene: Scene) -> None:
    tuning, _ = submit(scene.store, TuningConfig(model="tiny", sources=("divider",)), "tuned")
    cure = f"ado tunings {tuning.id} --cancel"
    taken = ado("models", "add", "tiny", "--name", "tuned", "--quantization", "none")
    assert taken.exit_code == 2
    assert "a tuning under way makes the name 'tuned' already" in taken.stderr
    assert cure in taken.stderr
    removed = ado("models", "remove", "tiny")
    assert removed.exit_code == 2
    assert (
        f"model 'tiny' is being tuned; wait for the end, or cancel first: {cure}" in removed.stderr
    )
    assert json.loads(ado("tunings", tuning.id, "--cancel").stdout)["state"] == "cancelled"
    assert ado("models", "remove", "tiny").exit_code == 0


def test_without_the_extra_nothing_is_queued(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "peft" else object())
    refused = ado("tune", "tiny", "--from", "divider")
    assert refused.exit_code == 2
    assert "local models need peft: pip install 'ado-service[local-llm]'" in refused.stderr
    assert scene.store.tunings.page().items == ()
