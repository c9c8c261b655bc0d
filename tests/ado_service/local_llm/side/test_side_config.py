"""Shrunken configs."""

from __future__ import annotations

import pytest
from transformers import AutoConfig, PreTrainedConfig

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.side.side_config import SideSettings, shrink
from ado_service.local_llm.side.side_network import SideNetwork
from tests.ado_service.local_llm.tiny_models import make_model


def llama_2_7b() -> PreTrainedConfig:
    return AutoConfig.for_model(
        "llama", hidden_size=4096, intermediate_size=11008, num_attention_heads=32
    )


def test_a_side_network_has_the_layers_and_heads_of_its_backbone() -> None:
    config = llama_2_7b()

    small = shrink(config, 16)

    assert (small.hidden_size, small.intermediate_size, small.head_dim) == (256, 688, 8)
    assert small.num_hidden_layers == config.num_hidden_layers
    assert small.num_attention_heads == config.num_attention_heads
    assert config.hidden_size == 4096


@pytest.mark.parametrize("reduction", [3, 48, 128])
def test_a_reduction_that_does_not_divide_is_refused_with_those_that_do(reduction: int) -> None:
    with pytest.raises(UnsupportedModelError, match=r"these do: 1, 2, 4, 8, 16, 32, 64$"):
        shrink(llama_2_7b(), reduction)


def test_partial_rotations_keep_whole_pairs() -> None:
    """A quarter of the head would leave half a pair of the rotated half."""
    config = make_model("phi").config

    with pytest.raises(UnsupportedModelError, match=r"these do: 1, 2, 4$"):
        shrink(config, 8)


def test_factors_of_a_long_context_are_left_to_the_backbone() -> None:
    factors = [1.0 + n for n in range(8)]
    rope = {
        "rope_type": "longrope",
        "rope_theta": 5000.0,
        "short_factor": factors,
        "long_factor": factors,
    }
    model = make_model("phi3", rope_parameters=rope, original_max_position_embeddings=128)

    side = SideNetwork.create(model, SideSettings(reduction=4, rank=4))

    assert side.config.rope_parameters["rope_type"] == "default"
    assert side.config.rope_parameters["rope_theta"] == 5000.0


@pytest.mark.parametrize("change", [{"reduction": 0}, {"rank": 0}, {"dtype": "float16"}])
def test_impossible_settings_are_refused(change: dict[str, int | str]) -> None:
    with pytest.raises(UnsupportedModelError):
        SideSettings(**change)  # type: ignore[arg-type]


def test_gates_stay_in_float32_beside_bfloat16_weights() -> None:
    """A step of 2e-4 from 1 would round to nothing."""
    side = SideNetwork.create(make_model("llama"), SideSettings(reduction=4, rank=4))

    types = {name: str(p.dtype) for name, p in side.named_parameters()}
    gates = {name for name in types if name.endswith(("alpha", "gamma"))}
    assert len(gates) == 3
    assert {types[name] for name in gates} == {"torch.float32"}
    assert {types[name] for name in types.keys() - gates} == {"torch.bfloat16"}
