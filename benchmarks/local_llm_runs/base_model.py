"""Decoders with random weights of a real shape: what a step costs does not depend on their values.

They are filled module by module, so that a quantized model never exists unquantized.
"""

from __future__ import annotations

import torch
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from benchmarks.local_llm_runs.shapes import Shape

_SPREAD = 0.02


def random_base(
    shape: Shape, *, nf4: bool, dtype: torch.dtype, device: str = "cpu"
) -> PreTrainedModel:
    """A frozen LLaMA; with `nf4` all linear layers but the head are NF4, doubly quantized.

    `dtype` is what it computes in, and what the rest of its weights is held in.
    """
    config = shape.config()
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=dtype, attn_implementation="sdpa"
        )
    for module in model.modules():
        for name, child in list(module.named_children()):
            if nf4 and is_quantizable(name, child):
                setattr(module, name, _random_nf4(child, dtype, device))
        if not isinstance(module, Linear4bit):
            _fill(module, dtype, device)
    model.model.rotary_emb = LlamaRotaryEmbedding(config=config).to(device)
    setattr(model, "is_loaded_in_4bit", nf4)  # noqa: B010 - PEFT asks for it
    frozen: PreTrainedModel = model.requires_grad_(False)
    return frozen


def is_quantizable(name: str, module: nn.Module) -> bool:
    """Whether NF4 is for this child of a module: a linear layer that is not the head."""
    return isinstance(module, nn.Linear) and name != "lm_head"


def _random_nf4(linear: nn.Module, dtype: torch.dtype, device: str) -> Linear4bit:
    assert isinstance(linear, nn.Linear)
    made = Linear4bit(  # type: ignore[no-untyped-call]
        linear.in_features, linear.out_features, bias=False, compute_dtype=dtype,
        quant_type="nf4", compress_statistics=True, device="meta",
    )  # fmt: skip
    weight = _random(linear.weight, dtype, device)
    made.weight = Params4bit(
        weight, requires_grad=False, quant_type="nf4", compress_statistics=True
    )
    made.support_avx512bf16_for_cpu = False  # has no backward pass; see Backbone
    quantized: Linear4bit = made.to(device)  # quantizes, also from a device to itself
    return quantized


def _fill(module: nn.Module, dtype: torch.dtype, device: str) -> None:
    """Random weights in place of the parameters of a module, not of its children."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        setattr(module, name, nn.Parameter(_random(parameter, dtype, device), requires_grad=False))


def _random(like: Tensor, dtype: torch.dtype, device: str) -> Tensor:
    """Matrices around 0, the vectors of norms around 1."""
    values = torch.randn(like.shape, dtype=dtype, device=device).mul_(_SPREAD)
    return values.add_(1.0) if values.ndim == 1 else values
