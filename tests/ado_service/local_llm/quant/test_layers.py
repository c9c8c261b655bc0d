"""Which layers are quantized, on every family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import UnsupportedModelError, WeightsError
from ado_service.local_llm.quant.layers import (
    check_finite,
    check_unquantized,
    layer_numbers,
    linear_layers,
    replace_layer,
)
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model, save_model


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_all_matrices_of_the_layers_are_found_and_no_other(family: str) -> None:
    model = make_model(family)
    layers = model.get_decoder().layers
    expected = {id(one) for one in layers.modules() if isinstance(one, nn.Linear)}

    found = linear_layers(model)

    assert {id(one) for one in found.values()} == expected
    assert all(model.get_submodule(name) is one for name, one in found.items())
    assert model.get_output_embeddings() not in found.values()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_modules_know_the_number_of_their_layer(family: str) -> None:
    model = make_model(family)
    numbers = layer_numbers(model)

    found = [numbers[name] for name in linear_layers(model)]

    assert found == sorted(found)
    assert set(found) == {0, 1}
    assert not any("embed" in name for name in numbers)


def test_projections_beside_the_layers_have_no_number() -> None:
    model = make_model("opt", word_embed_proj_dim=32)
    outside = set(linear_layers(model)) - set(layer_numbers(model))

    assert {name.rpartition(".")[2] for name in outside} == {"project_in", "project_out"}


def test_a_layer_is_exchanged_by_its_name() -> None:
    model = make_model("llama")
    name = "model.layers.1.mlp.up_proj"

    replace_layer(model, name, nn.Identity())

    assert isinstance(model.model.layers[1].mlp.up_proj, nn.Identity)
    assert name not in linear_layers(model)


def test_what_is_quantized_is_not_quantized_again(tmp_path: Path) -> None:
    backbone = Backbone.load(save_model(tmp_path / "tiny", "llama"), quantization=Quantization.NF4)

    with pytest.raises(UnsupportedModelError, match=r"layer model\.layers\.0\..* is a Linear4bit"):
        linear_layers(backbone.model)
    with pytest.raises(UnsupportedModelError, match=r"'tiny' is loaded with .* 'nf4'; load it"):
        check_unquantized(backbone, "LoftQ")


def test_weights_that_are_no_numbers_are_refused() -> None:
    layer = nn.Linear(4, 4)
    with torch.no_grad():
        layer.weight[1, 2] = torch.nan

    with pytest.raises(WeightsError, match=r"layer one\.two are not all finite"):
        check_finite("one.two", layer)
