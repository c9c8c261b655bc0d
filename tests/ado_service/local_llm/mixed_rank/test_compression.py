"""All three stages, on vision transformers and on decoders of every family."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from ado_service.local_llm.calibration import Calibration, tap
from ado_service.local_llm.errors import CompressionError, UnsupportedModelError
from ado_service.local_llm.mixed_rank.activation_spectrum import spectra
from ado_service.local_llm.mixed_rank.compensation import CompensationSettings
from ado_service.local_llm.mixed_rank.compression import MixedRankSettings, compress
from ado_service.local_llm.mixed_rank.factorized_linear import FactorizedLinear
from ado_service.local_llm.mixed_rank.mixed_rank_model import MixedRankModel
from ado_service.local_llm.side.head_loss import IGNORED
from ado_service.local_llm.transformer_blocks import linear_layers
from tests.ado_service.local_llm.side.side_models import attach, tokens
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model, save_model
from tests.ado_service.local_llm.tiny_vits import (
    accuracy,
    digits,
    images,
    make_vit,
    trained_vit,
)

PLAIN = MixedRankSettings(keep=0.6, compensation=None)
TEXT: Calibration = [{"input_ids": tokens(4, 24, seed=seed)} for seed in range(2)]
TRAINING = CompensationSettings(steps=60, rows=128)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(input_ids=ids).logits
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decoder_gets_smaller_within_its_budget(family: str) -> None:
    model = make_model(family)
    before = copy.deepcopy(model.state_dict())

    made = compress(model, TEXT, PLAIN)

    assert made.original_parameters == count(model)
    assert made.parameters == count(made.model)
    assert 0.57 * count(model) < made.parameters <= 0.6 * count(model)
    whole = linear_layers(model)
    for name, rank in made.ranks.items():
        layer, old = made.model.get_submodule(name), whole[name]
        assert isinstance(layer, FactorizedLinear)
        assert layer.rank == rank
        assert count(layer) < count(old)
    assert set(linear_layers_left(made.model)) == set(whole) - set(made.ranks)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def linear_layers_left(model: PreTrainedModel) -> list[str]:
    inner = (".up", ".down")
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and ".layers." in name and not name.endswith(inner)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compressed_decoder_generates_with_a_cache_as_without(family: str) -> None:
    made = compress(make_model(family), TEXT, PLAIN).model
    options = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    ids, mask = tokens(2, 8), torch.ones(2, 8, dtype=torch.long)
    cached = made.generate(ids, attention_mask=mask, use_cache=True, **options)
    assert torch.equal(cached, made.generate(ids, attention_mask=mask, use_cache=False, **options))
    assert cached.shape == (2, 17)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_decoder_is_the_same_in_every_bit(family: str, tmp_path: Path) -> None:
    made = compress(make_model(family), TEXT, PLAIN)
    made.save(tmp_path)

    loaded = MixedRankModel.load(tmp_path)

    assert loaded.ranks == made.ranks
    assert (loaded.parameters, loaded.original_parameters) == (
        made.parameters, made.original_parameters,
    )  # fmt: skip
    assert torch.equal(logits(loaded.model, tokens()), logits(made.model, tokens()))
    assert not any(one.requires_grad for one in loaded.model.parameters())


@pytest.mark.parametrize("family", ["vit", "deit"])
def test_a_saved_vision_transformer_is_the_same_in_every_bit(family: str, tmp_path: Path) -> None:
    made = compress(make_vit(family), [images(64)], PLAIN)
    made.save(tmp_path)
    loaded = MixedRankModel.load(tmp_path)
    with torch.no_grad():
        one, other = made.model(**images(4, seed=9)), loaded.model(**images(4, seed=9))
    assert torch.equal(one.logits, other.logits)


def test_a_model_in_bfloat16_stays_in_it(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "whole", "llama")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    made = compress(model, TEXT, MixedRankSettings(0.6, TRAINING))
    assert {one.dtype for one in made.model.parameters()} == {torch.bfloat16}
    made.save(tmp_path)
    loaded = MixedRankModel.load(tmp_path)
    assert {one.dtype for one in loaded.model.parameters()} == {torch.bfloat16}
    assert torch.equal(logits(loaded.model, tokens()), logits(made.model, tokens()))


def test_tied_embeddings_stay_tied(tmp_path: Path) -> None:
    made = compress(make_model("llama", tie_word_embeddings=True), TEXT, PLAIN)
    made.save(tmp_path)
    loaded = MixedRankModel.load(tmp_path).model
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert count(loaded) == made.parameters


def test_a_trained_vision_transformer_keeps_its_accuracy_and_its_logits() -> None:
    model, data = trained_vit(), digits()
    assert accuracy(model) > 0.9
    shown: Calibration = [{"pixel_values": data.shown[:600]}]

    made = compress(model, shown, MixedRankSettings(0.4, TRAINING))

    assert made.parameters <= 0.4 * count(model)
    assert accuracy(made.model) > accuracy(model) - 0.02
    plain = plain_svd(model, made)
    assert logits_error(model, made.model) < 0.5 * logits_error(model, plain)


def plain_svd(model: PreTrainedModel, like: MixedRankModel) -> PreTrainedModel:
    """The same ranks, from the weights alone."""
    made = copy.deepcopy(like.model)
    for name, rank in like.ranks.items():
        weight = model.get_submodule(name).weight
        left, sizes, right = torch.linalg.svd(weight, full_matrices=False)
        bias = model.get_submodule(name).bias
        made.get_submodule(name).fill(sizes[:rank, None] * right[:rank], left[:, :rank], bias)
    return made


@torch.no_grad()
def logits_error(model: PreTrainedModel, made: PreTrainedModel) -> float:
    held = digits().held
    return float((made(pixel_values=held).logits - model(pixel_values=held).logits).square().mean())


def output_errors(
    model: PreTrainedModel, made: PreTrainedModel, names: list[str], held: dict[str, Tensor]
) -> Tensor:
    """Relative error of each layer's outputs in the compressed model."""
    ours, theirs = tap(made, names, held), tap(model, names, held)
    return torch.stack(
        [
            (ours[name].outputs - theirs[name].outputs).square().sum()
            / theirs[name].outputs.square().sum()
            for name in names
        ]
    )


def test_compensation_lowers_the_error_of_layers_on_images_never_seen() -> None:
    model, data = trained_vit(), digits()
    shown: Calibration = [{"pixel_values": data.shown[:600]}]
    held = {"pixel_values": data.held}
    plain = compress(model, shown, MixedRankSettings(0.3, None))
    trained = compress(model, shown, MixedRankSettings(0.3, TRAINING))

    assert trained.ranks == plain.ranks
    names = list(plain.ranks)
    before = output_errors(model, plain.model, names, held)
    after = output_errors(model, trained.model, names, held)
    assert float(after.sum()) < 0.95 * float(before.sum())
    assert set(trained.compensated) == set(names)
    assert all(one.after <= one.before for one in trained.compensated.values())


def test_only_the_residual_and_the_bias_are_trained() -> None:
    model, shown = trained_vit(), [{"pixel_values": digits().shown[:200]}]
    plain = compress(model, shown, MixedRankSettings(0.5, None)).model
    settings = CompensationSettings(share=0.25, steps=40, rows=128)
    made = compress(model, shown, MixedRankSettings(0.5, settings))
    moved = 0
    for name, rank in made.ranks.items():
        one, other = made.model.get_submodule(name), plain.get_submodule(name)
        fixed = rank - max(1, round(0.25 * rank))
        assert torch.equal(one.down.weight[:fixed], other.down.weight[:fixed])
        assert torch.equal(one.up.weight[:, :fixed], other.up.weight[:, :fixed])
        moved += not torch.equal(one.down.weight[fixed:], other.down.weight[fixed:])
    assert moved > len(made.ranks) / 2


def test_the_same_seed_gives_the_same_model() -> None:
    model, shown = make_vit(), [images(64)]
    one, other = (compress(model, shown, MixedRankSettings(0.5, TRAINING)) for _ in range(2))
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(mine, its) for mine, its in pairs)


def test_a_side_network_tunes_a_compressed_decoder() -> None:
    made = compress(make_model("llama"), TEXT, PLAIN).model
    tuned = attach(made).train()
    labels = tokens().clone()
    labels[:, :3] = IGNORED
    tuned(tokens(), labels=labels).loss.backward()
    assert torch.equal(logits(tuned.eval(), tokens()), logits(made, tokens()))
    assert tuned.side.alpha.grad.abs() > 0


@pytest.mark.parametrize("keep", [0.0, 1.0, -0.5, 1.5])
def test_a_budget_that_is_no_part_is_refused(keep: float) -> None:
    with pytest.raises(CompressionError, match="between 0 and 1"):
        compress(make_model("llama"), TEXT, MixedRankSettings(keep, None))


def test_a_budget_below_what_factors_can_reach_is_refused() -> None:
    with pytest.raises(CompressionError, match="keep more of the model"):
        compress(make_model("llama"), TEXT, MixedRankSettings(0.05, None))


@pytest.mark.parametrize("batches", [[], [{}], [{"input_ids": tokens(0, 5)}]])
def test_calibration_without_anything_is_refused(batches: Calibration) -> None:
    with pytest.raises(CompressionError, match=r"no calibration batch|batch 0 is empty"):
        compress(make_model("llama"), batches, PLAIN)


def test_calibration_of_padding_alone_is_refused() -> None:
    padding = {"input_ids": tokens(), "attention_mask": torch.zeros(2, 12, dtype=torch.long)}
    with pytest.raises(CompressionError, match="batch 1 is nothing but padding; leave it out"):
        compress(make_model("llama"), [TEXT[0], padding], PLAIN)


def test_activations_that_are_not_finite_are_refused() -> None:
    model = make_model("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan
    with pytest.raises(CompressionError, match=r"layers\.1\.mlp\.up_proj .* not finite"):
        compress(model, TEXT, PLAIN)


def test_one_row_is_too_few_to_compensate() -> None:
    one = [{"input_ids": tokens(1, 1)}]
    with pytest.raises(CompressionError, match="single row"):
        compress(make_model("llama"), one, MixedRankSettings(0.6, TRAINING))


def test_what_was_compressed_is_not_compressed_again() -> None:
    made = compress(make_model("llama"), TEXT, PLAIN).model
    with pytest.raises(UnsupportedModelError, match="compressed before"):
        compress(made, TEXT, PLAIN)


def test_spectra_leave_no_hooks_behind() -> None:
    model = make_model("llama")
    spectra(model, linear_layers(model), TEXT)
    assert not any(module._forward_hooks for module in linear_layers(model).values())
