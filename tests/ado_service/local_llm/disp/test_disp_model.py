"""A pruned model answers as the masked one does, in every way that it is run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.gates import Gates, masked
from ado_service.local_llm.disp.layer_shape import FAMILIES, Structures, layer_shapes
from ado_service.local_llm.errors import ModelFolderError, UnsupportedModelError
from ado_service.local_llm.mixed_rank.mixed_rank_model import MixedRankModel
from ado_service.local_llm.side.head_loss import IGNORED
from tests.ado_service.local_llm.disp.pruned_models import random_gates
from tests.ado_service.local_llm.side.side_models import attach, tokens, trained
from tests.ado_service.local_llm.test_compressed_folder import change_card
from tests.ado_service.local_llm.tiny_models import make_model, save_model

NEW = 9


@pytest.fixture(scope="module", params=[*FAMILIES, "llama with biases"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    if request.param == "llama with biases":
        made = make_model("llama", attention_bias=True, mlp_bias=True)
        with torch.no_grad():
            for name, parameter in made.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_()
        return made
    return make_model(request.param)


@pytest.fixture(scope="module")
def gates(model: PreTrainedModel) -> Gates:
    return random_gates(model)


@pytest.fixture(scope="module")
def pruned(model: PreTrainedModel, gates: Gates) -> DispModel:
    return DispModel.prune(model, gates)


@torch.no_grad()
def logits(model: PreTrainedModel, ids: Tensor, **options: object) -> Tensor:
    found: Tensor = model(input_ids=ids, **options).logits
    return found


def generate(model: PreTrainedModel, ids: Tensor, mask: Tensor, **options: object) -> Tensor:
    answer = model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        **{"do_sample": False, "pad_token_id": 0, "eos_token_id": None, **options},
    )
    return answer[:, ids.shape[1] :]


def test_the_pruned_model_answers_as_the_masked_one(
    model: PreTrainedModel, gates: Gates, pruned: DispModel
) -> None:
    with masked(model, gates):
        whole = logits(model, tokens())
    torch.testing.assert_close(logits(pruned.model, tokens()), whole, atol=2e-4, rtol=1e-4)
    assert (logits(model, tokens()) - whole).abs().max() > 0.5, "the gates change nothing"


def test_gates_of_one_change_nothing(model: PreTrainedModel) -> None:
    ones = {
        name: Structures(*(torch.ones(width) for width in shape.whole))
        for name, shape in layer_shapes(model).items()
    }
    plain = logits(model, tokens())
    with masked(model, ones):
        assert torch.equal(logits(model, tokens()), plain)
    whole = DispModel.prune(model, ones)
    assert whole.parameters == whole.original_parameters
    torch.testing.assert_close(logits(whole.model, tokens()), plain, atol=1e-5, rtol=1e-5)


def test_masks_go_away(model: PreTrainedModel, gates: Gates) -> None:
    before = logits(model, tokens())
    with masked(model, gates):
        pass
    assert torch.equal(logits(model, tokens()), before)


def test_the_residual_stream_keeps_its_width(model: PreTrainedModel, pruned: DispModel) -> None:
    with torch.no_grad():
        states = pruned.model(tokens(), output_hidden_states=True).hidden_states
    assert len(states) == model.config.num_hidden_layers + 1
    assert {state.shape[-1] for state in states} == {model.config.hidden_size}


def test_matrices_are_as_small_as_their_widths(pruned: DispModel) -> None:
    for name, own in pruned.widths.items():
        layer = pruned.model.get_submodule(name)
        assert layer.self_attn.q_proj.in_features == own.attention_in
        assert layer.self_attn.k_proj.in_features == own.attention_in
        assert layer.self_attn.o_proj.out_features == own.attention_out
        assert layer.mlp.up_proj.weight.shape == (own.mlp_inner, own.mlp_in)
        assert layer.mlp.down_proj.weight.shape == (own.mlp_out, own.mlp_inner)
    assert pruned.parameters < 0.8 * pruned.original_parameters


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}])
def test_generation_with_the_cache_equals_generation_without(
    pruned: DispModel, options: dict[str, object]
) -> None:
    prompt = tokens(2, 8)
    mask = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1], [1] * 8])
    cached = generate(pruned.model, prompt * mask, mask, use_cache=True, **options)
    whole = generate(pruned.model, prompt * mask, mask, use_cache=False, **options)
    assert torch.equal(cached, whole)
    assert cached.shape == (2, NEW)


def test_a_saved_model_is_the_same_in_every_bit(pruned: DispModel, tmp_path: Path) -> None:
    pruned.save(tmp_path)
    loaded = DispModel.load(tmp_path)
    assert loaded.widths == pruned.widths
    assert loaded.parameters == pruned.parameters
    assert loaded.original_parameters == pruned.original_parameters
    assert torch.equal(logits(loaded.model, tokens()), logits(pruned.model, tokens()))
    mask = torch.ones(2, 12, dtype=torch.long)
    assert torch.equal(
        generate(loaded.model, tokens(), mask), generate(pruned.model, tokens(), mask)
    )


def test_tied_embeddings_and_bfloat16_are_kept(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "whole", "llama", tie_word_embeddings=True)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    made = DispModel.prune(model, random_gates(model))
    made.save(tmp_path / "pruned")
    loaded = DispModel.load(tmp_path / "pruned").model
    assert {one.dtype for one in loaded.parameters()} == {torch.bfloat16}
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert torch.equal(logits(loaded, tokens()), logits(made.model, tokens()))


def test_the_weights_that_stay_are_the_models_own(
    model: PreTrainedModel, gates: Gates, pruned: DispModel
) -> None:
    name = next(iter(gates))
    rows, columns = gates[name].mlp_inner > 0, gates[name].mlp_in > 0
    whole = model.get_submodule(name).mlp.up_proj.weight
    assert torch.equal(pruned.model.get_submodule(name).mlp.up_proj.weight, whole[rows][:, columns])


def test_a_side_network_tunes_a_pruned_model(pruned: DispModel) -> None:
    fresh = attach(pruned.model)
    assert torch.equal(logits(fresh, tokens()), logits(pruned.model, tokens()))
    tuned = trained(pruned.model).train()
    labels = tokens().clone()
    labels[:, :3] = IGNORED
    tuned(tokens(), labels=labels).loss.backward()
    assert all(one.grad is None for one in pruned.model.parameters())
    assert tuned.side.alpha.grad.abs() > 0


def test_a_pruned_model_can_be_quantized(pruned: DispModel, tmp_path: Path) -> None:
    """Widths that are no multiple of NF4's blocks do no harm."""
    pruned.save(tmp_path)
    made = DispModel.load(tmp_path).model
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Linear) and name != "lm_head":
                setattr(parent, name, quantized(child))
    torch.testing.assert_close(
        logits(made, tokens()), logits(pruned.model, tokens()), atol=20.0, rtol=0.5
    )
    near = torch.nn.functional.cosine_similarity(
        logits(made, tokens()).flatten(), logits(pruned.model, tokens()).flatten(), dim=0
    )
    assert near > 0.7


def quantized(linear: torch.nn.Linear) -> Linear4bit:
    made = Linear4bit(
        linear.in_features,
        linear.out_features,
        bias=linear.bias is not None,
        compute_dtype=torch.float32,
        quant_type="nf4",
    )
    made.load_state_dict(linear.state_dict())
    made.support_avx512bf16_for_cpu = False
    return made.to("cpu")


@pytest.mark.parametrize(
    "structure",
    [
        {"model.layers.7": [1, 1, 1, 1, 1]},
        {"model.norm": [1, 1, 1, 1, 1]},
        {"model.layers.0": [1, 1, 1, 1]},
        {"model.layers.0": [1, 1, 1, 1, 0]},
        {"model.layers.0": [65, 1, 1, 1, 1]},
        {"model.layers.0": [1, 1, 1, 1, 1]},
    ],
)
def test_a_structure_of_another_model_is_refused(
    tmp_path: Path, structure: dict[str, list[int]]
) -> None:
    model = make_model("llama")
    DispModel.prune(model, random_gates(model)).save(tmp_path)
    change_card(tmp_path, structure=structure)
    with pytest.raises(ModelFolderError, match="copy both again"):
        DispModel.load(tmp_path)


def test_a_model_of_another_method_is_refused(tmp_path: Path) -> None:
    model = make_model("llama")
    DispModel.prune(model, random_gates(model)).save(tmp_path)
    with pytest.raises(ModelFolderError, match="compressed by 'disp', not by 'mixed-rank'"):
        MixedRankModel.load(tmp_path)


def test_a_pruned_model_is_not_pruned_again(pruned: DispModel) -> None:
    with pytest.raises(UnsupportedModelError, match="compressed before"):
        layer_shapes(pruned.model)
