"""Quantized decoders with LoRA, of every family: near what they were, trained, saved, rebuilt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import (
    AdapterError,
    AdapterMismatchError,
    UnsupportedModelError,
    WeightsError,
)
from ado_service.local_llm.loftq.loftq_file import (
    ADAPTER,
    CONFIG,
    QUANTIZED,
    load_loftq,
    save_loftq,
)
from ado_service.local_llm.loftq.loftq_model import LayerFit, LoftQModel, initialize
from ado_service.local_llm.loftq.settings import LoftQSettings
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.quant.code_book import CodeBook, Scaling
from ado_service.local_llm.quant.coded_linear import CodedLinear
from ado_service.local_llm.quant.dequantized import save_dequantized
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import FAMILIES, save_model

NF2 = LoftQSettings(rank=8, book=CodeBook.NF2)
NF4 = LoftQSettings(rank=8)
NEW = 9


def load(folder: Path, dtype: torch.dtype | None = None) -> Backbone:
    return Backbone.load(folder, quantization=Quantization.NONE, dtype=dtype)


def answer(model: PreTrainedModel, prompt: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(tokens() if prompt is None else prompt).logits
    return logits


def train(tuned: LoftQModel, steps: int = 12) -> list[float]:
    """Learn a line by heart; the loss of each step."""
    line, losses = tokens(1, 16), []
    optimizer = torch.optim.AdamW(tuned.trained.values(), lr=0.01)
    for _ in range(steps):
        loss = tuned.backbone.model(line, labels=line).loss
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
    """A tuning on disk."""
    save_loftq(tmp_path / "tuning", initialize(load(llama), NF2))
    return tmp_path / "tuning"


def test_it_answers_nearly_as_before_and_nearer_than_without_lora(family: Path) -> None:
    exact = answer(load(family).model)
    tuned = initialize(load(family), NF2)
    near = answer(tuned.backbone.model)
    with tuned.tuned.disable_adapter():
        bare = answer(tuned.backbone.model)

    assert (near - exact).std() < 0.85 * (bare - exact).std()
    four = answer(initialize(load(family), NF4).backbone.model)
    assert (four - exact).std() < 0.5 * (near - exact).std()


def test_every_layer_is_made_of_codes_and_lora_alone_is_trained(family: Path) -> None:
    before = load(family).model
    wanted = sum(isinstance(one, torch.nn.Linear) for one in before.get_decoder().layers.modules())
    told: list[str] = []
    tuned = initialize(load(family), NF2, lambda name, _: told.append(name))
    model = tuned.backbone.model

    assert sum(isinstance(one, CodedLinear) for one in model.modules()) == wanted
    assert told == list(tuned.fits)
    assert all(".lora_" in name for name in tuned.trained)
    assert len(tuned.trained) == 2 * wanted
    config = tuned.tuned.peft_config["default"]
    assert config.lora_alpha == config.r == NF2.rank
    assert all(fit.error < fit.plain for fit in tuned.fits.values())


def test_training_lowers_the_loss_and_changes_lora_alone(family: Path) -> None:
    tuned = initialize(load(family), NF2)
    model = tuned.backbone.model
    frozen = {
        name: one.clone() for name, one in model.state_dict().items() if name not in tuned.trained
    }
    losses = train(tuned)

    assert losses[-1] < 0.7 * losses[0]
    after = model.state_dict()
    assert all(torch.equal(after[name], one) for name, one in frozen.items())


def test_generation_with_a_cache_is_that_without(family: Path) -> None:
    model = initialize(load(family), NF2).backbone.model
    options = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    prompt = tokens(2, 6)

    cached, uncached = (model.generate(prompt, use_cache=use, **options) for use in (True, False))

    assert torch.equal(cached, uncached)
    assert cached.shape == (2, 6 + NEW)


def test_a_saved_tuning_is_rebuilt_to_the_bit(family: Path, tmp_path: Path) -> None:
    tuned = initialize(load(family), NF2)
    train(tuned, 2)
    tuned.backbone.model.eval()
    expected = answer(tuned.backbone.model)
    save_loftq(tmp_path, tuned)

    again = load_loftq(tmp_path, load(family))

    assert torch.equal(answer(again.backbone.model), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG, ADAPTER, QUANTIZED]
    assert again.settings == NF2
    assert again.trained == {}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft's own use
def test_a_standard_engine_loads_the_adapter_on_the_dequantized_backbone(
    family: Path, tmp_path: Path
) -> None:
    """With nothing but transformers and peft."""
    tuned = initialize(load(family), NF2)
    train(tuned, 2)
    expected = answer(tuned.backbone.model.eval())
    save_loftq(tmp_path / "tuning", tuned)
    save_dequantized(tmp_path / "dense", tuned.backbone)

    dense = AutoModelForCausalLM.from_pretrained(tmp_path / "dense", dtype=torch.float32)
    adapted = peft.PeftModel.from_pretrained(dense, tmp_path / "tuning").eval()

    assert torch.equal(answer(adapted), expected)
    assert ModelFolder.open(tmp_path / "dense").parameters == ModelFolder.open(family).parameters
    assert torch.equal(answer(load(tmp_path / "dense").model), _bare(tuned))
    # There it can be merged, which the quantized one refuses.
    merged = adapted.merge_and_unload()
    torch.testing.assert_close(answer(merged), expected, rtol=1e-3, atol=1e-3)
    with pytest.raises(UnsupportedModelError, match="into the model that save_dequantized writes"):
        tuned.tuned.merge_and_unload()


def _bare(tuned: LoftQModel) -> Tensor:
    with tuned.tuned.disable_adapter():
        return answer(tuned.backbone.model)


def test_mixed_precision_has_four_bits_first(llama: Path) -> None:
    mixed = LoftQSettings(rank=8, book=CodeBook.NF2, first_layers=1)
    tuned = initialize(load(llama), mixed)
    books = {name: fit.book for name, fit in tuned.fits.items()}

    assert {book for name, book in books.items() if ".layers.0." in name} == {CodeBook.NF4}
    assert {book for name, book in books.items() if ".layers.1." in name} == {CodeBook.NF2}
    exact = answer(load(llama).model)
    two, both = (
        (answer(one.backbone.model) - exact).std() for one in (initialize(load(llama), NF2), tuned)
    )
    assert both < two


def test_projections_beside_the_layers_are_tuned_too(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "narrow", "opt", word_embed_proj_dim=32)
    mixed = LoftQSettings(rank=8, book=CodeBook.NF2, first_layers=1)
    tuned = initialize(load(folder), mixed)
    books = {name.rpartition(".")[2]: fit.book for name, fit in tuned.fits.items()}
    save_loftq(tmp_path / "tuning", tuned)

    assert books["project_in"] is books["project_out"] is CodeBook.NF4
    again = load_loftq(tmp_path / "tuning", load(folder)).backbone.model
    assert torch.equal(answer(again), answer(tuned.backbone.model))


def test_layers_may_be_computed_again_in_the_backward_pass(llama: Path) -> None:
    gradients = []
    for checkpointed in (False, True):
        tuned = initialize(load(llama), NF2)
        model = tuned.backbone.model.train()
        if checkpointed:
            model.activation_checkpointing_enable({"use_reentrant": False})
        model(tokens(), labels=tokens()).loss.backward()
        gradients.append([one.grad for one in tuned.trained.values()])

    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("book", [CodeBook.UNIFORM_2, CodeBook.UNIFORM_3, CodeBook.UNIFORM_4])
def test_uniform_levels_are_saved_and_rebuilt(book: CodeBook, llama: Path, tmp_path: Path) -> None:
    tuned = initialize(load(llama), LoftQSettings(rank=4, book=book, steps=2))
    save_loftq(tmp_path, tuned)

    again = load_loftq(tmp_path, load(llama))

    assert torch.equal(answer(again.backbone.model), answer(tuned.backbone.model))


def test_a_tuning_can_be_gone_on_with(saved: Path, llama: Path) -> None:
    again = load_loftq(saved, load(llama), trainable=True)
    losses = train(again)

    assert losses[-1] < 0.7 * losses[0]


def test_it_is_the_same_each_time_and_leaves_the_random_state(llama: Path) -> None:
    state = torch.get_rng_state()
    first, second = (initialize(load(llama), NF2).backbone.model for _ in range(2))

    assert torch.equal(answer(first), answer(second))
    assert torch.equal(torch.get_rng_state(), state)


def test_in_bfloat16_the_matrices_are_bfloat16_and_the_scales_float32(
    llama: Path, tmp_path: Path
) -> None:
    tuned = initialize(load(llama, torch.bfloat16), NF4)

    assert {one.dtype for one in tuned.trained.values()} == {torch.bfloat16}
    scales = [one.scales for one in tuned.backbone.model.modules() if isinstance(one, CodedLinear)]
    assert {one.dtype for one in scales} == {torch.float32}
    save_loftq(tmp_path, tuned)
    again = load_loftq(tmp_path, load(llama, torch.bfloat16), trainable=True)
    assert {one.dtype for one in again.trained.values()} == {torch.bfloat16}
    assert torch.equal(answer(again.backbone.model), answer(tuned.backbone.model))


def test_two_bits_take_an_eighth_of_the_bytes_of_bfloat16(llama: Path) -> None:
    layers = [
        one
        for one in initialize(load(llama), NF2).backbone.model.modules()
        if isinstance(one, CodedLinear)
    ]
    weights = sum(one.in_features * one.out_features for one in layers)

    assert sum(one.codes.nbytes for one in layers) * 8 == 2 * weights
    assert sum(one.matrix.nbytes for one in layers) == weights * (2 / 8 + 4 / 64)


def test_published_scales_are_worse(llama: Path) -> None:
    published = LoftQSettings(rank=8, book=CodeBook.NF2, scaling=Scaling.ABSMAX)
    ours, theirs = (initialize(load(llama), one).fits for one in (NF2, published))

    assert all(ours[name].error < theirs[name].error for name in ours)


# What is refused.


def test_a_quantized_backbone_is_refused(llama: Path, saved: Path) -> None:
    for use in (lambda one: initialize(one, NF2), lambda one: load_loftq(saved, one)):
        backbone = Backbone.load(llama, quantization=Quantization.NF4)
        with pytest.raises(UnsupportedModelError, match="LoftQ quantizes the weights itself"):
            use(backbone)


def test_a_backbone_is_not_initialized_twice(llama: Path) -> None:
    backbone = load(llama)
    initialize(backbone, NF2)

    with pytest.raises(UnsupportedModelError, match="quantized or adapted already"):
        initialize(backbone, NF2)


def test_a_rank_beyond_a_layer_is_refused_before_anything_changes(llama: Path) -> None:
    backbone = load(llama)
    expected = answer(backbone.model)

    with pytest.raises(UnsupportedModelError, match=r"rank 33 .* 32 x 64; use at most 32"):
        initialize(backbone, LoftQSettings(rank=33))
    assert torch.equal(answer(backbone.model), expected)


def test_weights_that_are_no_numbers_are_refused(llama: Path) -> None:
    backbone = load(llama)
    with torch.no_grad():
        backbone.model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.inf

    with pytest.raises(WeightsError, match=r"layers\.1\.mlp\.up_proj are not all finite"):
        initialize(backbone, NF2)
    assert not any(isinstance(one, CodedLinear) for one in backbone.model.modules())


def test_a_tuning_of_other_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    other = load(save_model(tmp_path / "other", "llama", seed=1))
    expected = answer(other.model)

    with pytest.raises(AdapterMismatchError, match=r"fitted to 'tiny' .* used with 'other'"):
        load_loftq(saved, other)
    assert torch.equal(answer(other.model), expected)


@pytest.mark.parametrize("name", [ADAPTER, QUANTIZED])
def test_truncated_files_are_refused(name: str, saved: Path, llama: Path) -> None:
    (saved / name).write_bytes((saved / name).read_bytes()[:-10])

    with pytest.raises(AdapterError, match=rf"{name} is truncated"):
        load_loftq(saved, load(llama))


@pytest.mark.parametrize("name", [ADAPTER, QUANTIZED, CONFIG])
def test_missing_files_are_named(name: str, saved: Path, llama: Path) -> None:
    (saved / name).unlink()

    with pytest.raises(AdapterError, match=name):
        load_loftq(saved, load(llama))


def test_the_adapter_of_another_tuning_is_refused(saved: Path, llama: Path, tmp_path: Path) -> None:
    tuned = initialize(load(llama), NF2)
    train(tuned, 1)
    save_loftq(tmp_path / "second", tuned)
    shutil.copy(tmp_path / "second" / ADAPTER, saved / ADAPTER)

    with pytest.raises(AdapterError, match=rf"{ADAPTER} is not the adapter that {QUANTIZED}"):
        load_loftq(saved, load(llama))


def test_a_config_that_peft_cannot_use_is_refused(saved: Path, llama: Path) -> None:
    config = json.loads((saved / CONFIG).read_text())
    (saved / CONFIG).write_text(json.dumps({**config, "target_modules": ["nothing"]}))

    with pytest.raises(AdapterError, match=r"LoRA weights in .* cannot be loaded"):
        load_loftq(saved, load(llama))


def test_a_failed_save_leaves_the_last_tuning_whole(
    saved: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answer(load_loftq(saved, load(llama)).backbone.model)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(peft.PeftModel, "save_pretrained", full)
    with pytest.raises(OSError, match="No space"):
        save_loftq(saved, initialize(load(llama), NF4))

    assert sorted(path.name for path in saved.iterdir()) == [CONFIG, ADAPTER, QUANTIZED]
    assert torch.equal(answer(load_loftq(saved, load(llama)).backbone.model), expected)


def test_a_fit_says_at_which_step_it_was_best(llama: Path) -> None:
    fits: dict[str, LayerFit] = {}
    initialize(load(llama), NF2, lambda name, fit: fits.update({name: fit}))

    assert all(1 <= fit.step <= NF2.steps for fit in fits.values())
