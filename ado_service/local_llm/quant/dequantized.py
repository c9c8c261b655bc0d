"""A quantized backbone as an ordinary model folder, for engines that know nothing of it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.quant.quantized_linear import QuantizedLinear

_WRAPPED = ".base_layer"
"""What peft puts into the names of layers that it adapts."""


def save_dequantized(folder: Path, backbone: Backbone) -> None:
    """Write the backbone with its rounded weights in the type that it computes in.

    LoRA matrices in it are left out. The folder is a Hugging Face model: `ado models add` takes it,
    and standard engines load it, with a LoftQ adapter on it.
    """
    model = backbone.model
    model.save_pretrained(folder, state_dict=dense_state(model))
    backbone.tokenizer.save_pretrained(folder)


def dense_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """Tensors of the model under their usual names, each quantized layer with a `weight`."""
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, QuantizedLinear)
    }
    state = {
        key.replace(_WRAPPED, ""): tensor
        for key, tensor in model.state_dict().items()
        if ".lora_" not in key and (key.endswith(".bias") or key.rpartition(".")[0] not in layers)
    }
    for name, layer in layers.items():
        state[f"{name.replace(_WRAPPED, '')}.weight"] = layer.decoded(model.dtype)
    return state
