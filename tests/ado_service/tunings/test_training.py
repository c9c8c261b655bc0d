"""Every method: it begins where the model is, learns, resumes bit for bit, and can be hosted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.quantization import Quantization
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.checkpoint import Checkpoints
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.errors import TuningFailed, TuningStopped
from ado_service.tunings.lesson import Reader
from ado_service.tunings.masters import Masters
from ado_service.tunings.sources import find_jobs, subjects_of
from ado_service.tunings.trainee import Trainee, make_trainee
from ado_service.tunings.trainer import Progress, Trainer
from tests.ado_service.tunings.conftest import Scene

METHODS = ["qst", "lora", "qlora", "full"]


def config(**fields: Any) -> TuningConfig:
    base = {"model": "tiny", "sources": ("divider",), "steps": 6, "batch": 1, "reduction": 4}
    return TuningConfig.model_validate({**base, "rate": 2e-3, "save_every": 2, **fields})


class Bench:
    """A model that is tuned, outside of any database."""

    def __init__(self, scene: Scene, asked: TuningConfig, folder: Path) -> None:
        held = asked.held_as(Quantization.NF4)
        self.config = asked
        self.backbone = Backbone.load(scene.folder / "tiny", quantization=held)
        self.before = {name: one.clone() for name, one in self.backbone.model.named_parameters()}
        self.trainee: Trainee = make_trainee(self.backbone, asked)
        self.reader = Reader(self.backbone)
        jobs = find_jobs(scene.store, asked.sources)
        self.data = DataSet.split(subjects_of(scene.store, jobs), asked.seed)
        self.checkpoints = Checkpoints(folder)
        self.trainer = self.trained_as(asked)

    def trained_as(self, asked: TuningConfig, digest: str = "d") -> Trainer:
        return Trainer(
            self.trainee, self.reader, self.data, asked, self.checkpoints,
            backbone=self.backbone.fingerprint, digest=digest,
        )  # fmt: skip

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: one.detach().clone() for name, one in self.trainee.trained.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointed"])
def test_a_killed_training_ends_with_the_same_weights(
    scene: Scene, tmp_path: Path, method: str, checkpointing: bool
) -> None:
    asked = config(method=method, checkpointing=checkpointing)
    whole = Bench(scene, asked, tmp_path / "whole")
    lesson = whole.reader.training(whole.data, 0, 1)
    with torch.no_grad():
        at_first = float(whole.trainee.loss(lesson))
    losses: list[float] = []
    done = whole.trainer.train(lambda one: losses.append(one.loss))
    with torch.no_grad():
        assert float(whole.trainee.loss(lesson)) < at_first

    def stop_at_third(seen: list[int]) -> None:
        seen.append(1)
        if len(seen) == 4:
            raise TuningStopped

    broken = Bench(scene, asked, tmp_path / "broken")
    seen: list[int] = []
    with pytest.raises(TuningStopped):
        broken.trainer.train(check=lambda: stop_at_third(seen))
    steps: list[Progress] = []
    again = Bench(scene, asked, tmp_path / "broken")
    resumed = again.trainer.train(steps.append)
    assert [one.step for one in steps] == [4, 5, 6]
    assert resumed.loss == done.loss
    ours, theirs = again.weights(), whole.weights()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("method", METHODS)
def test_only_what_the_method_trains_changes(scene: Scene, tmp_path: Path, method: str) -> None:
    bench = Bench(scene, config(method=method, steps=3), tmp_path)
    first = bench.weights()
    bench.trainer.train()
    changed = [name for name, one in bench.weights().items() if not torch.equal(one, first[name])]
    assert len(changed) > 0.7 * len(first)
    after = dict(bench.backbone.model.named_parameters())
    kept = []
    for name, one in bench.before.items():
        now = after[name] if name in after else after[name.replace(".weight", ".base_layer.weight")]
        kept += [name] if torch.equal(one, now) else []
    assert (len(kept) == len(bench.before)) == (method != "full")


def test_checkpoints_are_no_pickles_and_one_at_a_time(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    Bench(scene, config(), folder).trainer.train()
    files = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    assert files == ["step-000000006/state.json", "step-000000006/state.safetensors"]


def test_a_checkpoint_of_other_designs_or_another_model_is_refused(
    scene: Scene, tmp_path: Path
) -> None:
    bench = Bench(scene, config(steps=2), tmp_path)
    bench.trainer.train()
    for other in (bench.trained_as(config(steps=4)), bench.trained_as(bench.config, "e")):
        with pytest.raises(TuningFailed, match="step 2 belongs to another model or other designs"):
            other.train()


def test_half_a_checkpoint_is_none(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(scene, config(steps=4), tmp_path / "checkpoints")
    bench.trainer.train()
    [last] = (tmp_path / "checkpoints").iterdir()
    weights = last / "state.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert bench.checkpoints.latest() is None


RESUMED = """
import sys
from pathlib import Path
import torch
from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.checkpoint import Checkpoints
from ado_service.tunings.trainee import Trainee
from ado_service.tunings.trainer import Progress, Trainer

def mib(name):
    status = Path("/proc/self/status").read_text()
    return int(status.split(name + ":")[1].split()[0]) // 1024

model = torch.nn.ModuleList(torch.nn.Linear(2048, 1024, bias=False) for _ in range(12))
config = TuningConfig(model="m", sources=("s",), steps=1)
trainee = Trainee(model, dict(model.named_parameters()), frozenset(), None, None)
kept = Checkpoints(Path(sys.argv[1]))
trainer = Trainer(trainee, None, None, config, kept, backbone="", digest="")
if len(sys.argv) > 2:
    sum(one.weight.square().sum() for one in model).backward()
    trainer._optimizer.step()
    trainer._save(Progress(1, 0.0, 0.0))
else:
    before = mib("VmRSS")
    assert trainer.train().step == 1
    print(mib("VmHWM") - before)
"""


def test_resuming_takes_no_more_memory_than_what_is_kept_of_it(tmp_path: Path) -> None:
    """96 MiB of weights, which are there already, and 192 MiB of what AdamW knows of them."""
    command = [sys.executable, "-c", RESUMED, str(tmp_path)]
    subprocess.run([*command, "save"], check=True)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 192 + 40


def test_narrow_weights_learn_by_steps_that_they_cannot_hold() -> None:
    narrow = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    masters = Masters({"w": narrow})
    for _ in range(64):
        narrow.grad = torch.ones_like(narrow)
        masters.take_gradients()
        with torch.no_grad():
            gradient = masters.weights["w"].grad
            assert gradient is not None
            masters.weights["w"].sub_(1e-3 * gradient)
        masters.write_back()
    assert torch.allclose(masters.weights["w"], torch.tensor(1 - 0.064), atol=1e-5)
    assert torch.equal(narrow, torch.full_like(narrow, 1 - 0.064))
    alone = torch.ones(4, dtype=torch.bfloat16)
    assert torch.equal(alone - 1e-3 * alone, alone), "without a master not a step is taken"


def test_the_loss_of_a_trained_head_has_the_whole_gradient(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(scene, config(method="full"), tmp_path)
    lesson = bench.reader.training(bench.data, 0, 2)
    loss = bench.trainee.loss(lesson)
    loss.backward()  # type: ignore[no-untyped-call]
    model = bench.backbone.model
    every = dict(model.named_parameters())
    ours = {name: one.grad.clone() for name, one in every.items() if one.grad is not None}
    model.zero_grad()
    plain = model(
        input_ids=lesson.input_ids, attention_mask=lesson.attention_mask, labels=lesson.labels
    ).loss
    plain.backward()
    assert torch.allclose(loss, plain, atol=1e-5)
    assert ours.keys() == every.keys()
    for name, one in every.items():
        assert one.grad is not None
        assert torch.allclose(ours[name], one.grad, atol=1e-5), name


def test_a_context_that_is_too_short_is_named(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(scene, config(), tmp_path)
    bench.reader.context = 100
    with pytest.raises(TuningFailed, match="longer than the model's context of 100 tokens"):
        bench.trainer.train()


def test_a_loss_that_is_no_number_ends_it(scene: Scene, tmp_path: Path) -> None:
    bench = Bench(scene, config(method="full"), tmp_path)
    with torch.no_grad():
        dict(bench.backbone.model.named_parameters())["lm_head.weight"].fill_(torch.nan)
    with pytest.raises(TuningFailed, match="the loss of step 1 is nan; take a lower --rate"):
        bench.trainer.train()
