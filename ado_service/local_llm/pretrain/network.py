"""The embedded model before training: a small LLaMA whose numbers begin in their order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ado_service.local_llm.pretrain.vocabulary import numbers

_HARMONICS = 8
_SPREAD = 0.02
_OWN = 0.2
"""Part of a number's first embedding that is its own, and tells it from its neighbours."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network.

    Attributes:
        width: of the hidden states; `inner` of the feed-forward blocks.
        layers, heads: how many.
        context: longest prompt and answer together, tokens.
    """

    width: int = 192
    inner: int = 512
    layers: int = 4
    heads: int = 4
    context: int = 8192


def fresh(tokenizer: PreTrainedTokenizerFast, shape: Shape, seed: int) -> LlamaForCausalLM:
    """An untrained LLaMA decoder (Touvron et al., 2023) with tied embeddings; float32.

    Number tokens begin with embeddings that are smooth in the logarithm of their value: that 5.66
    lies between 5.65 and 5.67 need not be found out from a thousand examples of each.
    """
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=_SPREAD,
    )
    model = LlamaForCausalLM(config)
    found = numbers()
    places = tokenizer.convert_tokens_to_ids(found)
    features = torch.tensor([_features(number) for number in found])
    smooth = features @ torch.randn(features.shape[1], shape.width)
    weight = model.model.embed_tokens.weight
    with torch.no_grad():
        weight[places] = _SPREAD * smooth / smooth.std() + _OWN * weight[places]
    return model


def _features(number: str) -> list[float]:
    """Waves over the decade that the digits lie in, and where the point is."""
    digits = float(number) or 1e-3
    turn = 2 * math.pi * (math.log10(digits) % 1.0)
    waves = [
        wave(k * turn) / math.sqrt(k)
        for k in range(1, _HARMONICS + 1)
        for wave in (math.sin, math.cos)
    ]
    place = math.floor(math.log10(digits))
    return [*waves, *(float(place == at) for at in range(3)), float(len(number) > 2)]
