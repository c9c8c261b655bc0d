"""One key-value cache for both networks: N layers of the backbone, then N of the side network.

The library orders, repeats and selects rows of a cache layer by layer, so beam search and batching
move both networks together.
"""

from __future__ import annotations

from typing import Any

from transformers import Cache, DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from ado_service.local_llm.errors import LocalModelError


def join(cache: Cache | None, config: PreTrainedConfig) -> DynamicCache:
    """The cache with layers for both networks; a cache that is still empty gets those it lacks.

    `config` is that of the backbone.

    Raises:
        LocalModelError: not a `DynamicCache`, or one that another decoder has filled.
    """
    if cache is None:
        cache = DynamicCache(config=config)
    if not isinstance(cache, DynamicCache):
        raise LocalModelError(
            f"side tuning generates with a DynamicCache, not with a {type(cache).__name__}"
        )
    count, kind = config.num_hidden_layers, cache.layer_class_to_replicate or DynamicLayer
    while len(cache.layers) < count:
        cache.layers.append(kind())
    if len(cache.layers) == count:
        cache.layers.extend([_empty_like(layer) for layer in cache.layers])
    if cache.get_seq_length(0) != cache.get_seq_length(count):
        raise LocalModelError(
            "the cache was filled by a decoder without this side network; start with a new one"
        )
    return cache


def _empty_like(layer: Any) -> Any:
    """The same window in both networks, as the library sizes a mask by one layer of each kind."""
    if isinstance(layer, DynamicSlidingWindowLayer):
        return type(layer)(layer.sliding_window)
    return type(layer)()


def side_half(cache: Cache, count: int) -> Cache:
    """The layers of the side network, numbered from 0, as a view that shares its tensors."""
    return Cache(layers=cache.layers[count:])
