"""Blocks of every family are found; what cannot be compressed is refused with its name."""

from __future__ import annotations

import pytest
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.transformer_blocks import blocks, linear_layers
from tests.ado_service.local_llm.side.side_models import attach
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model, save_model
from tests.ado_service.local_llm.tiny_vits import make_vit


@pytest.mark.parametrize("family", FAMILIES)
def test_all_linear_layers_of_a_decoder_but_its_head(family: str) -> None:
    model = make_model(family)
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert len(blocks(model)) == 2
    assert set(linear_layers(model)) == linear - {"lm_head"}


@pytest.mark.parametrize("family", ["vit", "deit"])
def test_all_linear_layers_of_a_vision_transformer_but_its_head(family: str) -> None:
    assert len(linear_layers(make_vit(family))) == 2 * 6


def test_the_projections_around_the_blocks_of_opt_stay() -> None:
    assert not [
        name for name in linear_layers(make_model("opt", word_embed_proj_dim=32))
        if "project" in name
    ]  # fmt: skip


def test_another_architecture_is_refused() -> None:
    config = AutoConfig.for_model("gpt2", n_embd=8, n_layer=1, n_head=2, vocab_size=16)
    with pytest.raises(UnsupportedModelError, match=r"'gpt2'.*supported types are deit, llama"):
        blocks(AutoModelForCausalLM.from_config(config))


def test_quantized_weights_are_refused(tmp_path: object) -> None:
    folder = save_model(tmp_path, "llama")  # type: ignore[arg-type]
    model = Backbone.load(folder, quantization=Quantization.NF4).model
    with pytest.raises(UnsupportedModelError, match=r"q_proj .* quantized .* load .* unquantized"):
        blocks(model)


def test_a_model_with_a_side_network_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"QSTModel .* tune it afterwards"):
        blocks(attach(make_model("llama")))
