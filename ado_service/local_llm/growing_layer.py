"""A layer of the key and value cache that is not copied whole for every token."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

_SPARE = 64
"""Places beyond the tokens, at least."""


class GrowingLayer(DynamicLayer):
    """A `DynamicLayer` with room behind its last token; `keys` and `values` show what is filled.

    The library's own appends by concatenation, which for a long prompt moves more memory at every
    token than the attention itself reads. Whoever sets `keys` and `values` sets the content: the
    next token then finds no room and makes some.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._keys = _Room()
        self._values = _Room()

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append the states of new tokens, `rows x heads x new x channels`; all that there are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._keys.appended(self.keys, key_states)
        self.values = self._values.appended(self.values, value_states)
        return self.keys, self.values


class _Room:
    """A buffer that is longer than what is in it."""

    def __init__(self) -> None:
        self._buffer: Tensor | None = None
        self._filled: Tensor | None = None  # the part of the buffer that was handed out last

    def appended(self, content: Tensor | None, new: Tensor) -> Tensor:
        length = 0 if content is None or not content.numel() else content.shape[-2]
        end = length + new.shape[-2]
        if self._buffer is None or content is not self._filled or end > self._buffer.shape[-2]:
            self._buffer = new.new_empty(
                (*new.shape[:2], end + max(_SPARE, end // 4), new.shape[3])
            )
            if length:
                assert content is not None
                self._buffer[:, :, :length] = content
        self._buffer[:, :, length:end] = new
        self._filled = self._buffer[:, :, :end]
        return self._filled


def growing_cache(config: PreTrainedConfig | None) -> DynamicCache:
    """An empty cache of such layers, and of the library's own for sliding windows.

    Args:
        config: of the decoder; without one no layer has a window.
    """
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(one) is DynamicLayer else one for one in cache.layers]
    if not cache.layers:
        cache.layer_class_to_replicate = GrowingLayer
    return cache
