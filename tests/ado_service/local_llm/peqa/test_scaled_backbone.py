"""Tasks as scales, on every family: trained, saved, switched in a live model, merged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.errors import (
    AdapterError,
    AdapterMismatchError,
    UnsupportedModelError,
    WeightsError,
)
from ado_service.local_llm.generation_event import answers as text_of
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.peqa.integers_file import load_integers, save_integers
from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone
from ado_service.local_llm.peqa.scaled_linear import ScaledLinear
from ado_service.local_llm.peqa.scales_file import load_scales, save_scales
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.peqa.task_decoder import TaskDecoder
from ado_service.local_llm.quant.dequantized import save_dequantized
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import CONTEXT, FAMILIES, save_model

FOUR, GROUPS = PEQASettings(4), PEQASettings(3, 16)
NEW = 9


def load(folder: Path, dtype: torch.dtype | None = None) -> Backbone:
    return Backbone.load(folder, quantization=Quantization.NONE, dtype=dtype)


def quantized(folder: Path, settings: PEQASettings = FOUR) -> ScaledBackbone:
    return ScaledBackbone.quantize(load(folder), settings)


def answer(model: PreTrainedModel) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(tokens()).logits
    return logits


def said(scaled: ScaledBackbone) -> Tensor:
    return answer(scaled.backbone.model)


def train(scaled: ScaledBackbone, seed: int = 0, steps: int = 12) -> list[float]:
    """Learn a line by heart; the loss of each step."""
    line, losses, model = tokens(1, 16, seed=seed), [], scaled.backbone.model
    optimizer = torch.optim.AdamW(scaled.trained.values(), lr=0.01)
    for _ in range(steps):
        loss = model(line, labels=line).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models") / request.param
    return save_model(folder, request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny", "llama")


@pytest.fixture
def saved(llama: Path, tmp_path: Path) -> Path:
    """A task on disk."""
    scaled = quantized(llama)
    train(scaled, steps=2)
    save_scales(tmp_path / "task.safetensors", scaled)
    return tmp_path / "task.safetensors"


def test_rounded_weights_answer_much_as_before(family: Path) -> None:
    exact = answer(load(family).model)
    four, three = (said(quantized(family, PEQASettings(bits, 16))) for bits in (4, 3))

    assert 0 < (four - exact).std() < (three - exact).std()
    assert (four - exact).std() < 0.4 * exact.std()


@pytest.mark.parametrize("settings", [FOUR, GROUPS])
def test_training_changes_scales_and_nothing_else(family: Path, settings: PEQASettings) -> None:
    scaled = quantized(family, settings)
    model = scaled.backbone.model
    before = {name: one.clone() for name, one in model.state_dict().items()}
    losses = train(scaled)

    assert losses[-1] < 0.8 * losses[0]
    changed = {
        name for name, one in model.state_dict().items() if not torch.equal(one, before[name])
    }
    assert changed == set(scaled.trained)
    wanted = {name for name, one in model.named_parameters() if one.requires_grad}
    assert wanted == set(scaled.trained)
    assert len(wanted) == sum(isinstance(one, ScaledLinear) for one in model.modules())


def test_generation_with_a_cache_is_that_without(family: Path) -> None:
    scaled = quantized(family, GROUPS)
    train(scaled, steps=2)
    model = scaled.backbone.model
    options = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}

    cached, uncached = (
        model.generate(tokens(2, 6), use_cache=use, **options) for use in (True, False)
    )

    assert torch.equal(cached, uncached)
    assert cached.shape == (2, 6 + NEW)


def test_a_switch_in_a_live_model_is_a_fresh_load_to_the_bit(family: Path, tmp_path: Path) -> None:
    live = quantized(family)
    plain = said(live)
    files = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, file in enumerate(files):
        live.switch(None)
        train(live, seed, steps=3)
        save_scales(file, live)
    tasks = [load_scales(file, live) for file in files]

    for file, task in zip((*files, files[0]), (*tasks, tasks[0]), strict=True):
        live.switch(task)
        fresh = quantized(family)
        fresh.switch(load_scales(file, fresh))
        assert torch.equal(said(live), said(fresh))
        assert not torch.equal(said(live), plain)
    live.switch(None)
    assert torch.equal(said(live), plain)


def test_a_task_is_a_small_file(saved: Path, llama: Path) -> None:
    scaled = quantized(llama)
    scales = sum(one.numel() for one in scaled.trained.values())

    # Beside a header, which of a model this small is most of the file.
    assert saved.stat().st_size < 4 * scales + 3000
    assert scales < ModelFolder.open(llama).parameters / 50


def test_merging_is_exact_and_stays_integer(family: Path, tmp_path: Path) -> None:
    scaled = quantized(family, GROUPS)
    train(scaled, steps=3)
    expected = said(scaled)
    codes = {name: one.codes.clone() for name, one in scaled.layers.items()}

    scaled.merge()
    assert torch.equal(said(scaled), expected)
    scaled.switch(None)
    assert torch.equal(said(scaled), expected)
    assert all(torch.equal(one.codes, codes[name]) for name, one in scaled.layers.items())

    save_integers(tmp_path / "merged.safetensors", scaled)
    again = load_integers(tmp_path / "merged.safetensors", load(family))
    assert torch.equal(said(again), expected)
    assert again.fingerprint == scaled.fingerprint


def test_integers_on_disk_take_the_bits_that_they_say(llama: Path, tmp_path: Path) -> None:
    scaled = quantized(llama, PEQASettings(3))
    save_integers(tmp_path / "three.safetensors", scaled)
    weights = sum(one.in_features * one.out_features for one in scaled.layers.values())
    scales = sum(one.scales.numel() for one in scaled.layers.values())

    held = 3 * weights / 8 + 5 * scales
    assert held < (tmp_path / "three.safetensors").stat().st_size < held + 6000


def test_a_merged_backbone_takes_tasks_of_its_own(llama: Path, tmp_path: Path) -> None:
    scaled = quantized(llama)
    train(scaled, steps=2)
    scaled.merge()
    train(scaled, seed=1, steps=2)
    save_scales(tmp_path / "second.safetensors", scaled)
    expected = said(scaled)

    scaled.switch(None)
    scaled.switch(load_scales(tmp_path / "second.safetensors", scaled))
    assert torch.equal(said(scaled), expected)


def test_the_dequantized_model_answers_as_the_integers_do(family: Path, tmp_path: Path) -> None:
    scaled = quantized(family, GROUPS)
    train(scaled, steps=2)
    save_dequantized(tmp_path / "dense", scaled.backbone)

    assert torch.equal(answer(load(tmp_path / "dense").model), said(scaled))


def test_decoders_of_two_tasks_share_a_backbone(llama: Path) -> None:
    scaled = quantized(llama)
    decoders, expected = [], []
    for seed in range(2):
        scaled.switch(None)
        train(scaled, seed, steps=3)
        decoders.append(TaskDecoder(scaled, scaled.task()))
        expected.append(said(scaled))
    scaled.switch(None)
    decoders.append(TaskDecoder(scaled, None))
    expected.append(said(scaled))

    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(10):
            with torch.no_grad():
                logits = decoders[number](tokens(), logits_to_keep=0).logits
            if not torch.equal(logits, expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("settings", [FOUR, GROUPS])
def test_layers_may_be_computed_again_in_the_backward_pass(
    settings: PEQASettings, llama: Path
) -> None:
    gradients = []
    for checkpointed in (False, True):
        scaled = quantized(llama, settings)
        model = scaled.backbone.model.train()
        if checkpointed:
            model.activation_checkpointing_enable({"use_reentrant": False})
        model(tokens(), labels=tokens()).loss.backward()
        gradients.append([one.grad for one in scaled.trained.values()])

    torch.testing.assert_close(*gradients)


def test_an_engine_answers_by_a_task(llama: Path) -> None:
    """Under inference mode, token by token, with another task on the same backbone between."""
    scaled = quantized(llama)
    train(scaled, steps=3)
    task = scaled.task()
    decoders = {"task": TaskDecoder(scaled, task), "plain": TaskDecoder(scaled, None)}
    answers: dict[str, set[str]] = {}
    for name in (*decoders, *decoders):
        with closing(_engine(scaled, decoders[name])) as engine:
            request = GenerationRequest((1, 80, 90, 100), max_tokens=24, seed=1)
            answers.setdefault(name, set()).add(text_of(engine.generate(request))[0].text)

    assert {len(found) for found in answers.values()} == {1}
    assert answers["task"] != answers["plain"]


def _engine(scaled: ScaledBackbone, decoder: TaskDecoder) -> Engine:
    return Engine(decoder, scaled.backbone.tokenizer, context=CONTEXT, max_batch=4, max_waiting=4)


def test_it_works_in_bfloat16(llama: Path) -> None:
    scaled = ScaledBackbone.quantize(load(llama, torch.bfloat16), FOUR)
    losses = train(scaled)

    assert losses[-1] < 0.8 * losses[0]
    assert {one.dtype for one in scaled.trained.values()} == {torch.float32}


def test_each_layer_is_told_of(llama: Path) -> None:
    told: list[str] = []
    scaled = ScaledBackbone.quantize(load(llama), FOUR, told.append)

    assert told == list(scaled.layers)
    assert len(told) == 14


# What is refused.


def test_a_quantized_backbone_is_refused(llama: Path) -> None:
    backbone = Backbone.load(llama, quantization=Quantization.NF4)

    with pytest.raises(UnsupportedModelError, match="PEQA quantizes the weights itself"):
        ScaledBackbone.quantize(backbone, FOUR)


def test_a_backbone_is_not_quantized_twice(llama: Path) -> None:
    scaled = quantized(llama)

    with pytest.raises(UnsupportedModelError, match="quantized or adapted already"):
        ScaledBackbone.quantize(scaled.backbone, FOUR)


def test_groups_that_do_not_divide_leave_the_model_as_it_is(tmp_path: Path) -> None:
    backbone = load(save_model(tmp_path / "model", "llama", intermediate_size=80))
    expected = answer(backbone.model)

    with pytest.raises(UnsupportedModelError, match=r"layer .*down_proj: groups of 64 .* 80"):
        ScaledBackbone.quantize(backbone, PEQASettings(4, 64))
    assert torch.equal(answer(backbone.model), expected)


def test_weights_that_are_no_numbers_are_refused(llama: Path) -> None:
    backbone = load(llama)
    with torch.no_grad():
        backbone.model.model.layers[0].mlp.up_proj.weight[0, 0] = torch.nan

    with pytest.raises(WeightsError, match="not all finite"):
        ScaledBackbone.quantize(backbone, FOUR)


def test_a_task_of_other_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    other = quantized(save_model(tmp_path / "other", "llama", seed=1))

    with pytest.raises(AdapterMismatchError, match=r"fitted to 'tiny' .* used with 'other'"):
        load_scales(saved, other)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (PEQASettings(3), "with integers of 3 bits with a scale a channel; quantize"),
        (PEQASettings(4, 16), "with integers of 4 bits with groups of 16; quantize"),
    ],
)
def test_a_task_of_another_quantization_is_refused(
    settings: PEQASettings, told: str, saved: Path, llama: Path
) -> None:
    with pytest.raises(AdapterMismatchError, match=told):
        load_scales(saved, quantized(llama, settings))


def test_a_task_is_refused_once_another_was_merged(saved: Path, llama: Path) -> None:
    scaled = quantized(llama)
    train(scaled, seed=5, steps=1)
    scaled.merge()

    with pytest.raises(AdapterMismatchError, match="a task was merged into one of the two"):
        load_scales(saved, scaled)


@pytest.mark.parametrize("length", [3, 40, -1])
def test_truncated_scales_are_refused(length: int, saved: Path, llama: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:length])

    with pytest.raises(AdapterError, match=r"truncated|not a whole safetensors file"):
        load_scales(saved, quantized(llama))


def test_integers_are_no_task(llama: Path, tmp_path: Path) -> None:
    scaled = quantized(llama)
    save_integers(tmp_path / "integers.safetensors", scaled)

    with pytest.raises(AdapterError, match=r"does not suit \(method: "):
        load_scales(tmp_path / "integers.safetensors", scaled)


def test_scales_of_other_layers_change_nothing(llama: Path) -> None:
    scaled = quantized(llama)
    expected = said(scaled)
    task = scaled.task()
    first, *_, last = task
    changes: list[Callable[[], dict[str, Tensor]]] = [
        lambda: {name: one + 1 for name, one in task.items() if name != last},
        lambda: {**{name: one + 1 for name, one in task.items()}, last: task[first][:1]},
    ]
    for wrong in changes:
        with pytest.raises(AdapterError, match=f"do not suit layer {last}"):
            scaled.switch(wrong())
        assert torch.equal(said(scaled), expected)


def test_integers_of_other_weights_are_refused(llama: Path, tmp_path: Path) -> None:
    save_integers(tmp_path / "integers.safetensors", quantized(llama))
    other = load(save_model(tmp_path / "other", "llama", seed=1))

    with pytest.raises(AdapterMismatchError, match=r"fitted to 'tiny' .* used with 'other'"):
        load_integers(tmp_path / "integers.safetensors", other)
