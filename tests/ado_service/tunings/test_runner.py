"""Whole tunings: trained, evaluated, registered, hosted; or failed with nothing left behind."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import sqlalchemy as sa
from safetensors.torch import load_file

from ado_service.jobs.asked import SubmissionError
from ado_service.local_llm.generation_event import answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.quantization import Quantization
from ado_service.model_registry import ModelRegistry
from ado_service.store.errors import AlreadyExists, ModelInUse, NotFound
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord, WantedTuning
from ado_service.tunings.place import saved_step, sweep, tuning_folder, want
from ado_service.tunings.runner import TuningRunner
from ado_service.tunings.submit import submit
from tests.ado_service.tunings.conftest import Scene
from tests.ado_service.tunings.scene import add_model, save_model

pytestmark = pytest.mark.filterwarnings(  # peft asks transformers for it by an older name
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)


NONE = Quantization.NONE


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
    # Held to the schema as in a job, even noise gives designs: they are only seldom any good.
    assert (before.answers, before.valid, before.simulated) == (8, 1.0, 8)
    assert before.better is not None
    assert before.better < 0.5
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
    add_model(scene.store, other, "other", NONE)
    ended = tuned(scene, config(model="other"), "second")
    assert ended.state == "completed", ended.message
    mine, theirs = (scene.store.models.get(name).path for name in ("first", "second"))
    for file in theirs.iterdir():
        shutil.copy(file, mine / file.name)
    failed = tuned(scene, config(model="first"), "third")
    assert failed.state == "failed"
    assert "was fitted to 'other'" in failed.message
    assert "load the model that it was tuned on" in failed.message
    assert_nothing_left(scene, failed)


def test_no_designs_are_read_when_a_tuning_is_asked_for(scene: Scene) -> None:
    said: list[str] = []

    @sa.event.listens_for(scene.store._database.engine, "before_cursor_execute")
    def _listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    submit(scene.store, config())
    of_designs = [one for one in said if "FROM designs" in one]
    assert of_designs
    assert not [one for one in of_designs if "designs.metrics" in one or "designs.corners" in one]


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


def test_what_a_tuning_works_towards_and_what_it_starts_from_are_kept_for_it(scene: Scene) -> None:
    made, _ = submit(scene.store, config(), "tuned")
    with pytest.raises(AlreadyExists, match=f"ado tunings {made.id} --cancel"):
        add_model(scene.store, scene.folder / "tiny", "tuned", NONE)
    with pytest.raises(ModelInUse, match=f"'tiny' is being tuned.*ado tunings {made.id} --cancel"):
        scene.store.models.remove("tiny")
    assert run(scene, made.id).state == "completed"
    scene.store.models.remove("tuned")
    scene.store.models.remove("tiny")


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_another_form_of_the_base_is_on_record_with_what_rests_on_it(
    scene: Scene, method: str
) -> None:
    made, _ = submit(scene.store, config(method=method), "tuned")
    assert [one.name for one in scene.store.models.list()] == ["tiny"], "nothing was tried yet"
    weights = scene.folder / "tiny" / "model.safetensors"
    weights.rename(weights.with_name("away"))
    assert run(scene, made.id).state == "failed"
    assert [one.name for one in scene.store.models.list()] == ["tiny"]
    weights.with_name("away").rename(weights)
    add_model(
        scene.store, save_model(scene.folder / "other", scene.store, seed=4), "tiny-nf4", NONE
    )
    scene.store.tunings.set_wanted_state(made.id, WantedTuning.RUN)
    assert run(scene, made.id).state == "completed"
    base = {"qlora": "tiny-nf4-2", "full": "tiny"}[method]
    assert scene.store.models.get("tuned").base == base
    names = [one.name for one in scene.store.models.list()]
    assert names == sorted({"tiny", "tiny-nf4", "tuned", base})
    assert tuned(scene, config(method=method, seed=2), "again").state == "completed"
    assert scene.store.models.get("again").base == base


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
    asked, _ = submit(scene.store, config(quantization="nf4"), "a")
    assert (asked.config.model, asked.config.quantization) == ("tiny", "nf4")
    again, _ = submit(scene.store, config())
    assert again.name == "tiny-qst-2", "the first one works towards tiny-qst"


@pytest.mark.parametrize("how", ["by hand", "by a worker"])
def test_a_tuning_that_is_cancelled_in_the_queue_leaves_no_checkpoints(
    scene: Scene, how: str
) -> None:
    made, _ = submit(scene.store, config(steps=50, save_every=1))
    folder = tuning_folder(scene.settings, made.id)
    lease = scene.store.tuning_leases.claim("test", 60, made.id)
    assert lease is not None
    TuningRunner(scene.store, scene.settings, lambda: saved_step(folder) > 1).run(lease)
    assert scene.store.tunings.get(made.id).state == "queued"
    assert saved_step(folder) > 1
    stranger = folder.with_name("tuning_of_another_database") / "checkpoints"
    stranger.mkdir(parents=True)
    if how == "by hand":
        want(scene.store, scene.settings, made.id, WantedTuning.CANCEL)
    else:
        scene.store.tunings.set_wanted_state(made.id, WantedTuning.CANCEL)  # on another machine
        assert folder.is_dir()
        sweep(scene.store, scene.settings)
    assert scene.store.tunings.get(made.id).state == "cancelled"
    assert not folder.exists()
    assert stranger.is_dir()


def test_the_files_of_a_model_on_record_stay_whatever_becomes_of_its_tuning(scene: Scene) -> None:
    made, _ = submit(scene.store, config(), "tuned")
    assert run(scene, made.id, drain=True).state == "queued"
    place = tuning_folder(scene.settings, made.id) / "model"
    shutil.copytree(scene.folder / "tiny", place)
    add_model(scene.store, place, "early", NONE)  # its process was killed right here
    scene.store.tunings.set_wanted_state(made.id, WantedTuning.CANCEL)
    lease = scene.store.tuning_leases.claim("test", 60, made.id)
    if lease is not None:
        TuningRunner(scene.store, scene.settings).run(lease)
    assert scene.store.tunings.get(made.id).state == "cancelled"
    assert (place / "model.safetensors").is_file()
