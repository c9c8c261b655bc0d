"""What PEQA takes in memory, by shape alone: nothing of the model is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedConfig

from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.layers import linear_layers
from ado_service.local_llm.quant.packing import packed_bytes

_HALF, _FLOAT = 2, 4
"""Bytes of a number in 16 and in 32 bit."""
_ADAMW = 3
"""Numbers that training adds to each parameter: the gradient and two moments."""
_PUBLISHED_FULL = 3.5
"""Times the 16-bit weights: full fine-tuning by the paper's figure, 457 GB of 130.6 GB (as GPT-3's
1.2 TB of 350 GB in LoRA, arXiv 2106.09685). Gradients and AdamW all in 16 bit would be 4 times."""

LLAMA_65B = LlamaConfig(
    hidden_size=8192,
    intermediate_size=22016,
    num_hidden_layers=80,
    num_attention_heads=64,
    num_key_value_heads=64,
    vocab_size=32000,
    tie_word_embeddings=False,
)
"""Touvron et al., arXiv 2302.13971, table 2."""


@dataclass(frozen=True)
class PEQAMemory:
    """Bytes without activations, of which PEQA keeps as many as other methods do.

    Attributes:
        parameters: of the model before it is quantized.
        scales: trained numbers.
        weights: bytes of integers, zeros, scales and their change, and of all that stays in 16 bit.
        training: bytes of gradients and AdamW's moments of the scales, float32.
    """

    parameters: int
    scales: int
    weights: int
    training: int

    @property
    def total(self) -> int:
        """Bytes to tune it."""
        return self.weights + self.training

    @property
    def task(self) -> int:
        """Bytes of a task."""
        return _FLOAT * self.scales

    @property
    def full(self) -> int:
        """Bytes to tune all weights in 16 bit, as the paper counts them."""
        return int(_PUBLISHED_FULL * _HALF * self.parameters)


def peqa_memory(config: PreTrainedConfig, settings: PEQASettings) -> PEQAMemory:
    """The account of a model of this config.

    Raises:
        UnsupportedModelError: groups do not divide a layer.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    parameters = sum(one.numel() for one in model.parameters())
    layers = linear_layers(model).values()
    scales = sum(one.out_features * settings.groups(one.in_features) for one in layers)
    quantized = sum(one.weight.numel() for one in layers)
    codes = sum(packed_bytes(one.weight.numel(), settings.bits) for one in layers)
    held = scales * (1 + 2 * _FLOAT)  # a zero of a byte, the scale and its change
    return PEQAMemory(
        parameters=parameters,
        scales=scales,
        weights=codes + held + _HALF * (parameters - quantized),
        training=_ADAMW * _FLOAT * scales,
    )
