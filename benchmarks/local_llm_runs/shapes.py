"""Shapes of LLaMA decoders: those of the paper, one that fits a CPU, and one for a quick look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transformers import LlamaConfig

_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder.

    Attributes:
        width: of the hidden states; `inner` of the feed-forward blocks.
        layers, heads: how many; `groups` of heads share keys and values.
        vocabulary: tokens; embeddings and head are not tied.
    """

    width: int
    inner: int
    layers: int
    heads: int
    groups: int
    vocabulary: int

    def config(self) -> LlamaConfig:
        """As the library wants it."""
        return LlamaConfig(
            hidden_size=self.width,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.groups,
            vocab_size=self.vocabulary,
            max_position_embeddings=_CONTEXT,
            tie_word_embeddings=False,
            use_cache=False,
        )


SHAPES: Mapping[str, Shape] = {
    "tiny": Shape(width=128, inner=352, layers=2, heads=4, groups=4, vocabulary=256),
    "30m": Shape(width=512, inner=1376, layers=8, heads=8, groups=8, vocabulary=4096),
    "7b": Shape(width=4096, inner=11008, layers=32, heads=32, groups=32, vocabulary=32000),
    "13b": Shape(width=5120, inner=13824, layers=40, heads=40, groups=40, vocabulary=32000),
    "70b": Shape(width=8192, inner=28672, layers=80, heads=64, groups=8, vocabulary=32000),
}
"""By name; 7b, 13b and 70b are LLaMA-2's (Touvron et al., arXiv 2307.09288)."""
