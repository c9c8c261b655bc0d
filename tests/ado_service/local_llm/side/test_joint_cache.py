"""Caches of both networks."""

from __future__ import annotations

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from ado_service.local_llm.side.joint_cache import join, side_half
from tests.ado_service.local_llm.tiny_models import make_model


class OwnLayer(DynamicLayer):
    """A layer that whoever generates has chosen."""


def test_the_side_network_has_layers_like_those_of_the_backbone() -> None:
    config = make_model("qwen2").config
    cache = join(None, config)

    kinds = [DynamicLayer, DynamicSlidingWindowLayer]
    assert [type(layer) for layer in cache.layers] == kinds + kinds
    assert cache.layers[1].sliding_window == cache.layers[3].sliding_window == 6


def test_layers_of_an_own_kind_stay_of_that_kind() -> None:
    given, lazy = DynamicCache(), DynamicCache()
    given.layers = [OwnLayer(), OwnLayer()]
    lazy.layer_class_to_replicate = OwnLayer

    for cache in (given, lazy):
        joined = join(cache, make_model("llama").config)
        assert joined is cache
        assert [type(layer) for layer in joined.layers] == 4 * [OwnLayer]


def test_the_half_of_the_side_network_is_a_view() -> None:
    cache = join(None, make_model("llama").config)
    states = torch.ones(1, 1, 3, 2)

    side_half(cache, 2).update(states, states, 0)

    assert [cache.get_seq_length(layer) for layer in range(4)] == [0, 0, 3, 0]


def test_joining_twice_changes_nothing() -> None:
    config = make_model("llama").config
    cache = join(None, config)
    layers = list(cache.layers)

    assert join(cache, config).layers == layers
