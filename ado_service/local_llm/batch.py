"""The answers that are generated together: one row of tensors each.

Rows join and leave between any two steps. The tokens of each row stand at the right end of the
key and value cache; the places to the left of the shorter ones are masked.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicSlidingWindowLayer

from ado_service.local_llm.generation import Generation
from ado_service.local_llm.growing_layer import growing_cache
from ado_service.local_llm.sampling import Logits


@dataclass(frozen=True, slots=True)
class Row:
    """One answer of one generation."""

    generation: Generation
    index: int


class Batch:
    """Rows, and the cache of what the decoder has read of them (`W` places wide).

    To be used under `torch.inference_mode`. After an error of the decoder in `step` it is
    useless: make another one.

    Args:
        decoder: a causal language model with the forward pass of Hugging Face's.
    """

    def __init__(self, decoder: torch.nn.Module) -> None:
        self._decoder = decoder
        self._device = next(decoder.parameters()).device
        # Logits of a whole prompt can take more memory than the model; some decoders can do less.
        parameters = inspect.signature(decoder.forward).parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self.rows: list[Row] = []
        self._cache = self._new_cache()
        self._mask = torch.empty(0, 0, dtype=torch.long, device=self._device)

    def join(self, generation: Generation, indices: Sequence[int]) -> None:
        """Read the generation's prompt, once for these answers, and take in those that go on.

        Prompts are read one by one: none is padded, so that neighbours of other lengths change
        nothing, and a prompt alone has tokens enough to keep the processor busy.
        """
        prompt = torch.tensor([generation.request.prompt], device=self._device)
        cache, mask = self._new_cache(), torch.ones_like(prompt)
        (logits,) = self._forward(prompt, mask, cache)
        begun = [index for index in indices if generation.advance(index, logits)]
        if begun and not generation.over:
            cache.batch_repeat_interleave(len(begun))
            self._append(cache, mask.expand(len(begun), -1))
            self.rows += [Row(generation, index) for index in begun]

    def step(self) -> None:
        """Give each row its next token; those that ended leave."""
        tokens = [[row.generation.drafts[row.index].last_token] for row in self.rows]
        self._mask = pad(self._mask, (0, 1), value=1)
        read = torch.tensor(tokens, device=self._device)
        logits = self._forward(read, self._mask, self._cache)
        going = [
            not row.generation.over and row.generation.advance(row.index, its_logits)
            for row, its_logits in zip(self.rows, logits, strict=True)
        ]
        self._keep([at for at, goes_on in enumerate(going) if goes_on])
        self.drop_over()

    def drop_over(self) -> None:
        """Let the rows leave whose generation has failed or been cancelled."""
        self._keep([at for at, row in enumerate(self.rows) if not row.generation.over])

    def _forward(self, tokens: Tensor, mask: Tensor, cache: DynamicCache) -> Logits:
        """The logits behind the last of `tokens` (`B x T`), `B x V`; `mask` is `B x W`."""
        seen = mask.shape[1] - tokens.shape[1]
        positions = (mask.cumsum(-1) - 1)[:, seen:]
        output = self._decoder(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            **self._options,
        )
        logits: Logits = output.logits[:, -1].double().cpu().numpy()
        return logits

    def _new_cache(self) -> DynamicCache:
        """An empty one, which knows of the decoder's sliding windows if it has a config."""
        return growing_cache(getattr(self._decoder, "config", None))

    def _append(self, cache: DynamicCache, mask: Tensor) -> None:
        """Put the rows of `cache` below those that are there, both at the right end."""
        if not self.rows:
            self._cache, self._mask = cache, mask.clone()
            return
        width = max(self._mask.shape[1], mask.shape[1])
        pairs = list(zip(_layers(self._cache), _layers(cache), strict=True))
        # All of it first: memory may run out here, and what runs already must not suffer by it.
        keys = [_stacked(ours, ours.keys, new.keys, width) for ours, new in pairs]
        values = [_stacked(ours, ours.values, new.values, width) for ours, new in pairs]
        self._mask = torch.cat([_fitted(one, width, dim=1) for one in (self._mask, mask)])
        self._set(keys, values)

    def _keep(self, places: Sequence[int]) -> None:
        """Keep the rows at `places`, and no wider a cache than they need."""
        if len(places) == len(self.rows):
            return
        self.rows = [self.rows[at] for at in places]
        if not places:
            self._cache = self._new_cache()
            return
        chosen = torch.tensor(places, device=self._device)
        self._mask = self._mask[chosen]
        width = int(self._mask.sum(-1).max())
        self._mask = _fitted(self._mask, width, dim=1)
        layers = _layers(self._cache)
        self._set(
            [_fitted(layer.keys[chosen], _held(layer, width), dim=2) for layer in layers],
            [_fitted(layer.values[chosen], _held(layer, width), dim=2) for layer in layers],
        )

    def _set(self, keys: Sequence[Tensor], values: Sequence[Tensor]) -> None:
        for layer, its_keys, its_values in zip(_layers(self._cache), keys, values, strict=True):
            layer.keys, layer.values = its_keys, its_values
            if isinstance(layer, DynamicSlidingWindowLayer):
                layer.cumulative_length = self._mask.shape[1]


def _layers(cache: DynamicCache) -> list[Any]:
    """Its layers, with `keys` and `values` of `rows x heads x places x channels`."""
    return list(cache.layers)


def _stacked(layer: CacheLayerMixin, above: Tensor, below: Tensor, width: int) -> Tensor:
    """Two tensors of one layer, one below the other, for a cache `width` wide."""
    held = _held(layer, width)
    return torch.cat([_fitted(one, held, dim=2) for one in (above, below)])


def _held(layer: CacheLayerMixin, width: int) -> int:
    """How many of `width` places a layer holds: with a sliding window not more than it sees."""
    if isinstance(layer, DynamicSlidingWindowLayer):
        return min(width, int(layer.sliding_window) - 1)
    return width


def _fitted(tensor: Tensor, width: int, *, dim: int) -> Tensor:
    """The right end of `tensor` along `dim`, or all of it behind zeros, `width` places."""
    spare = tensor.shape[dim] - width
    if spare >= 0:
        return tensor.narrow(dim, spare, width)
    behind = [0, 0] * (tensor.ndim - 1 - dim)
    return pad(tensor, (*behind, -spare, 0))
