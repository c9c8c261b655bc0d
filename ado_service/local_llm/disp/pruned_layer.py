"""Decoder layers that read and write only some channels of the residual stream.

A pruned layer is of a class of its own that is also the family's class, so that whatever the
library does with layers of the family (recording hidden states, checkpointing) goes on working.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer

from ado_service.local_llm.disp.layer_shape import Structures
from ado_service.local_llm.transformer_blocks import CompressedModule

_INDEXES = ("attention_in", "attention_out", "mlp_in", "mlp_out")


class PrunedLayer(CompressedModule):
    """Both blocks select their channels after the norm, and add their outputs into theirs."""

    input_layernorm: Any
    self_attn: Any
    post_attention_layernorm: Any
    mlp: Any
    attention_in: Tensor
    attention_out: Tensor
    mlp_in: Tensor
    mlp_out: Tensor

    def forward(self, hidden_states: Tensor, **options: Any) -> Tensor:
        """Output of the layer, `batch x length x d`, as wide as its input."""
        selected = _select(self.input_layernorm(hidden_states), self.attention_in)
        added, _ = self.self_attn(selected, **options)
        hidden = hidden_states.index_add(-1, self.attention_out, added)
        selected = _select(self.post_attention_layernorm(hidden), self.mlp_in)
        return hidden.index_add(-1, self.mlp_out, self.mlp(selected))


class PrunedLlamaLayer(PrunedLayer, LlamaDecoderLayer):  # type: ignore[misc, no-untyped-call]
    """Of LLaMA."""


class PrunedMistralLayer(PrunedLayer, MistralDecoderLayer):  # type: ignore[misc, no-untyped-call]
    """Of Mistral."""


class PrunedQwen2Layer(PrunedLayer, Qwen2DecoderLayer):  # type: ignore[misc, no-untyped-call]
    """Of Qwen 2."""


class PrunedQwen3Layer(PrunedLayer, Qwen3DecoderLayer):  # type: ignore[misc, no-untyped-call]
    """Of Qwen 3."""


_CLASSES: dict[type[nn.Module], type[PrunedLayer]] = {
    LlamaDecoderLayer: PrunedLlamaLayer,
    MistralDecoderLayer: PrunedMistralLayer,
    Qwen2DecoderLayer: PrunedQwen2Layer,
    Qwen3DecoderLayer: PrunedQwen3Layer,
}


def prune_layer(model: PreTrainedModel, name: str, kept: Structures) -> None:
    """Cut a layer of the model to the channels at five index vectors, in place."""
    layer: Any = model.get_submodule(name)
    attention, mlp = layer.self_attn, layer.mlp
    for projection in ("q_proj", "k_proj", "v_proj"):
        setattr(attention, projection, _cut(getattr(attention, projection), None, kept[0]))
    attention.o_proj = _cut(attention.o_proj, kept.attention_out, None)
    mlp.gate_proj = _cut(mlp.gate_proj, kept.mlp_inner, kept.mlp_in)
    mlp.up_proj = _cut(mlp.up_proj, kept.mlp_inner, kept.mlp_in)
    mlp.down_proj = _cut(mlp.down_proj, kept.mlp_out, kept.mlp_inner)
    for index in _INDEXES:
        layer.register_buffer(index, getattr(kept, index).clone())
    layer.__class__ = _CLASSES[type(layer)]


def _select(hidden: Tensor, index: Tensor) -> Tensor:
    """Some channels; of a matrix, for which the library has a fast way on CPUs."""
    rows = hidden.flatten(0, -2).index_select(1, index)
    return rows.view(*hidden.shape[:-1], len(index))


@torch.no_grad()
def _cut(linear: nn.Linear, outputs: Tensor | None, inputs: Tensor | None) -> nn.Linear:
    """A layer with some of the outputs and inputs of another; None stands for all."""
    weight: Tensor = linear.weight
    bias: Tensor | None = linear.bias
    if outputs is not None:
        weight = weight.index_select(0, outputs)
        bias = None if bias is None else bias.index_select(0, outputs)
    if inputs is not None:
        weight = weight.index_select(1, inputs)
    made = nn.Linear(
        weight.shape[1], weight.shape[0], bias=bias is not None,
        dtype=weight.dtype, device=weight.device,
    )  # fmt: skip
    made.weight.copy_(weight)
    if bias is not None:
        made.bias.copy_(bias)
    return made.requires_grad_(linear.weight.requires_grad)
