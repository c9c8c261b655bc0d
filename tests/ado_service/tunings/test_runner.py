"""Whole tunings: trained, evaluated, registered, hosted; or failed with nothing left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ado_service.jobs.asked import SubmissionError
from ado_service.local_llm.generation_event import answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registry import ModelRegistry
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord, WantedTuning
from ado_service.tunings.runner import TuningRunner, tuning_folder
from ado_service.tunings.submit import submit
from tests.ado_service.tunings.conftest import Scene
from tests.ado_service.tunings.scene import add_model, save_model

pytestmark = pytest.mark.filterwarnings(  # peft asks transformers for it by an older name
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)


def config(**fields: Any) -> TuningConfig:
    base = {"model": "tiny", "sources": ("divider",), "steps": 2, "batch": 1, "reduction": 4}
    return TuningConfig.model_validate({**base, "trials": 0, **fields})


def tuned(scene: Scene, asked: TuningConfig, name: str | None = None) -> TuningRecord:
    made, _ = submit(scene.store, asked, name)
    return run(scene, made.id)


def run(scene: Scene, tuning_id: str, drain: bool = False) -> TuningRecord:
    lease = scene.store.tuning_leases.claim("test", 60, tuning_id)
    assert lease is not None
    TuningRunner(scene.store, scene.settings, lambda: drain).run(lease)
    return scene.store.tunings.get(tuning_id)


def says(scene: Scene, name: str) -> str:
    """What a hosted model answers."""
    engine = ModelRegistry(scene.store, device="cpu")[name]()
    try:
        [answer] = answers(
            engine.generate(GenerationRequest((1, 5, 9, 7), max_tokens=12, temperature=0))
        )
    finally:
        engine.close()
    return answer.text


@pytest.mark.parametrize("method", ["qst", "lora", "qlora", "full"])
def test_a_tuned_model_is_hosted(scene: Scene, method: str) -> None:
    # What it says changes only with a step that is large enough.
    ended = tuned(scene, config(method=method, rate=5e-2, steps=4), "tuned")
    assert ended.state == "completed", ended.message
    assert ended.step == 4
    assert ended.metrics is not None
    data = ended.metrics.data
    assert (data.circuits, data.jobs, data.designs) == (("divider",), 2, 48)
    assert data.held_out == {"designs": 5, "spec_sets": 5}
    assert ended.metrics.after.mean_loss != ended.metrics.before.mean_loss
    record = scene.store.models.get("tuned")
    assert (record.method, record.base) == (method, "tiny-nf4" if method == "qlora" else "tiny")
    assert record.path == tuning_folder(scene.settings, ended.id).resolve() / "model"
    assert says(scene, "tuned") != says(scene, "tiny")
    files = [one for one in record.path.parent.rglob("*") if one.is_file()]
    assert not [one for one in files if one.suffix in {".bin", ".pt", ".pkl"}]
    assert not (record.path.parent / "checkpoints").exists()
    words = [one.read_text() for one in files if one.suffix in {".json", ".md"}]
    assert not any(str(scene.folder) in text for text in words), "no paths of this machine"


def test_a_model_that_learned_its_lesson_is_measured(scene: Scene) -> None:
    asked = config(method="full", rate=8e-3, steps=100, batch=2, trials=2)
    ended = tuned(scene, asked)
    assert ended.metrics is not None, ended.message
    before, after = ended.metrics.before, ended.metrics.after
    assert (before.answers, before.valid, before.simulated, before.better) == (8, 0.0, 0, None)
    assert after.mean_loss < 0.5 * before.mean_loss
    assert set(after.loss) == {"designs", "spec_sets"}
    assert after.answers == 8
    assert after.valid is not None
    assert after.valid > 0
    assert after.simulated == round(8 * after.valid)
    assert after.better is not None
    assert 0 <= after.better <= 1


def test_a_tuning_goes_on_from_a_tuning(scene: Scene) -> None:
    assert tuned(scene, config(), "first").state == "completed"
    ended = tuned(scene, config(model="first", seed=2), "second")
    assert ended.state == "completed", ended.message
    record = scene.store.models.get("second")
    assert record.base == "tiny"
    first, second = (
        load_file(scene.store.models.get(name).path / "adapter.safetensors")
        for name in ("first", "second")
    )
    assert any(not first[name].equal(second[name]) for name in first)
    with pytest.raises(SubmissionError, match=r"is a tuning by qst of 'tiny'\. Tune 'tiny'"):
        submit(scene.store, config(model="first", method="lora"))


def test_an_adapter_of_another_backbone_is_refused(scene: Scene) -> None:
    assert tuned(scene, config(), "first").state == "completed"
    other = save_model(scene.folder / "other", scene.store, seed=5)
    add_model(scene.store, other, "other", Quantization.NONE)
    ended = tuned(scene, config(model="other"), "second")
    assert ended.state == "completed", ended.message
    mine, theirs = (scene.store.models.get(name).path for name in ("first", "second"))
    for file in theirs.iterdir():
        shutil.copy(file, mine / file.name)
    failed = tuned(scene, config(model="first"), "third")
    assert failed.state == "failed"
    assert "is of the model 'other'" in failed.message
    assert "load the model that it was tuned on" in failed.message
    assert_nothing_left(scene, failed)


def assert_nothing_left(scene: Scene, failed: TuningRecord) -> None:
    with pytest.raises(NotFound):
        scene.store.models.get(failed.name)
    assert not tuning_folder(scene.settings, failed.id).exists()


def test_what_cannot_be_tuned_is_refused_before_a_write(scene: Scene) -> None:
    store = scene.store
    for changes, problem in (
        ({"model": "nobody"}, "model: no model 'nobody'. Known are: .*tiny"),
        ({"sources": ("nothing",)}, "sources.0: no job and no circuit 'nothing'"),
        ({"sources": ("two_stage_amplifier",)}, "no job on two_stage_amplifier has finished"),
    ):
        with pytest.raises(SubmissionError, match=problem):
            submit(store, config(**changes))
    for name, problem in (("tiny", "a model has the name 'tiny'"), ("Bad Name", "name: ")):
        with pytest.raises((AlreadyExists, SubmissionError), match=problem):
            submit(store, config(), name)
    (scene.folder / "tiny" / "config.json").rename(scene.folder / "away.json")
    with pytest.raises(SubmissionError, match=r"has no config\.json"):
        submit(store, config())
    shutil.copy(scene.folder / "away.json", scene.folder / "tiny" / "config.json")
    text = json.loads((scene.folder / "tiny" / "config.json").read_text())
    for change, problem in (
        ({"model_type": "mamba"}, "a model of type 'mamba'; supported are"),
        ({"rms_norm_eps": 0.5}, "holds other weights than those that 'tiny' had"),
    ):
        (scene.folder / "tiny" / "config.json").write_text(json.dumps(text | change))
        with pytest.raises(SubmissionError, match=problem):
            submit(store, config())
    assert store.tunings.page().items == ()
    assert [one.name for one in store.models.list()] == ["tiny"]


def test_settings_that_do_not_suit_the_model_fail_with_a_cure(scene: Scene) -> None:
    failed = tuned(scene, config(reduction=5))
    assert failed.state == "failed"
    assert "reduction 5 does not divide" in failed.message
    assert "these do: 1, 2, 4, 8" in failed.message
    assert_nothing_left(scene, failed)


def test_a_name_that_was_taken_meanwhile_leaves_nothing(scene: Scene) -> None:
    made, _ = submit(scene.store, config(), "tuned")
    add_model(scene.store, scene.folder / "tiny", "tuned", Quantization.NONE)
    failed = run(scene, made.id)
    assert failed.state == "failed"
    assert "there is a model 'tuned' already" in failed.message
    assert scene.store.models.get("tuned").path == scene.folder / "tiny"
    assert not tuning_folder(scene.settings, failed.id).exists()


def test_what_is_handed_back_keeps_its_steps_and_what_is_cancelled_nothing(scene: Scene) -> None:
    made, _ = submit(scene.store, config())
    assert run(scene, made.id, drain=True).state == "queued"
    assert tuning_folder(scene.settings, made.id).is_dir()
    lease = scene.store.tuning_leases.claim("test", 60, made.id)
    assert lease is not None
    scene.store.tunings.set_wanted_state(made.id, WantedTuning.CANCEL)
    TuningRunner(scene.store, scene.settings).run(lease)
    assert scene.store.tunings.get(made.id).state == "cancelled"
    assert not tuning_folder(scene.settings, made.id).exists()


def test_jobs_that_finish_later_change_nothing(scene: Scene) -> None:
    made, _ = submit(scene.store, config())
    assert sorted(made.config.sources) == list(scene.jobs)
    assert (made.name, made.config.model, made.config.quantization) == ("tiny-qst", "tiny", "none")
    assert submit(scene.store, config(quantization="nf4"), "a")[0].config.model == "tiny-nf4"
    assert submit(scene.store, config(method="qlora"), "b")[0].config.model == "tiny-nf4"
    assert Path(scene.store.models.get("tiny-nf4").path) == scene.folder / "tiny"


def test_the_files_of_a_model_on_record_stay_whatever_becomes_of_its_tuning(scene: Scene) -> None:
    made, _ = submit(scene.store, config(), "tuned")
    assert run(scene, made.id, drain=True).state == "queued"
    place = tuning_folder(scene.settings, made.id) / "model"
    shutil.copytree(scene.folder / "tiny", place)
    add_model(scene.store, place, "early", Quantization.NONE)  # its process was killed right here
    scene.store.tunings.set_wanted_state(made.id, WantedTuning.CANCEL)
    lease = scene.store.tuning_leases.claim("test", 60, made.id)
    if lease is not None:
        TuningRunner(scene.store, scene.settings).run(lease)
    assert scene.store.tunings.get(made.id).state == "cancelled"
    assert (place / "model.safetensors").is_file()
