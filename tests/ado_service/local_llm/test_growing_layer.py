"""The growing cache holds what the library's own does."""

from __future__ import annotations

import torch
from transformers import MistralConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from ado_service.local_llm.growing_layer import GrowingLayer, growing_cache


def _states(length: int, rows: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 3, length, 5), torch.randn(rows, 3, length, 5)


def test_it_holds_what_the_librarys_own_does() -> None:
    mine, theirs = GrowingLayer(), DynamicLayer()
    for length in (7, 1, 1, 200, *[1] * 150):
        new = _states(length)
        for ours, reference in zip(mine.update(*new), theirs.update(*new), strict=True):
            assert torch.equal(ours, reference)
        assert mine.get_seq_length() == theirs.get_seq_length()
    chosen = torch.tensor([1])
    for layer in (mine, theirs):
        layer.batch_select_indices(chosen)
        layer.batch_repeat_interleave(3)
    new = _states(1, rows=3)
    assert torch.equal(mine.update(*new)[0], theirs.update(*new)[0])
    mine.keys = mine.keys[:, :, 4:]
    mine.values = mine.values[:, :, 4:]
    assert torch.equal(mine.update(*new)[1][:, :, :-1], theirs.values[:, :, 4:])


def test_tokens_are_not_moved_for_each_new_one() -> None:
    layer = GrowingLayer()
    places = []
    layer.update(*_states(1000))
    for _ in range(500):
        layer.update(*_states(1))
        places.append(layer.keys.data_ptr())
    assert len(set(places)) <= 3


def test_sliding_windows_stay_the_librarys() -> None:
    config = MistralConfig(num_hidden_layers=2, sliding_window=6)
    assert {type(one) for one in growing_cache(config).layers} == {DynamicSlidingWindowLayer}
    config = MistralConfig(num_hidden_layers=2, sliding_window=None)
    assert {type(one) for one in growing_cache(config).layers} == {GrowingLayer}
    cache = growing_cache(None)
    cache.update(*_states(3), layer_idx=1)
    assert [type(one) for one in cache.layers] == [GrowingLayer, GrowingLayer]
