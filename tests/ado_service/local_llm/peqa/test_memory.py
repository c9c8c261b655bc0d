"""The account of memory, against the paper's figures and a model that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.peqa.memory import LLAMA_65B, peqa_memory
from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone
from ado_service.local_llm.peqa.settings import PEQASettings
from tests.ado_service.local_llm.tiny_models import FAMILIES, save_model

GB = 1e9


def test_llama_65b_is_that_of_the_paper() -> None:
    """6.80M trained scales, 33 GB against 457 GB (arXiv 2305.14152, tables 1 and 4)."""
    found = peqa_memory(LLAMA_65B, PEQASettings(4))

    assert found.parameters == pytest.approx(65.29e9, rel=1e-3)
    assert found.scales / 1e6 == pytest.approx(6.80, abs=0.005)
    assert int(found.weights / GB) == 33
    assert int(found.total / GB) == 33
    assert round(found.full / GB) == 457
    assert found.task / 1e6 == pytest.approx(27.2, abs=0.05)


def test_three_bits_and_groups_are_accounted_for() -> None:
    four, three = (peqa_memory(LLAMA_65B, PEQASettings(bits)) for bits in (4, 3))
    grouped = peqa_memory(LLAMA_65B, PEQASettings(4, 128))

    assert (four.weights - three.weights) / GB == pytest.approx(64.76 / 8, rel=1e-3)
    assert grouped.scales == pytest.approx(64.76e9 / 128, rel=1e-3)
    with pytest.raises(UnsupportedModelError, match="groups of 100"):
        peqa_memory(LLAMA_65B, PEQASettings(4, 100))


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("settings", [PEQASettings(4), PEQASettings(3, 16)])
def test_it_is_what_a_quantized_model_holds(
    family: str, settings: PEQASettings, tmp_path: Path
) -> None:
    backbone = Backbone.load(save_model(tmp_path, family), quantization=Quantization.NONE)
    scaled = ScaledBackbone.quantize(backbone, settings)
    layers = scaled.layers.values()
    inside = {id(one) for layer in layers for one in layer.parameters()}
    outside = [one for one in backbone.model.parameters() if id(one) not in inside]
    biases = [layer.bias for layer in layers if layer.bias is not None]
    half = 2 * sum(one.numel() for one in (*outside, *biases))
    held = sum(layer.matrix.nbytes + layer.delta.nbytes for layer in layers)

    found = peqa_memory(backbone.model.config, settings)

    assert found.weights == held + half
    assert found.scales == sum(one.numel() for one in scaled.trained.values())
    assert found.training == 3 * 4 * found.scales
