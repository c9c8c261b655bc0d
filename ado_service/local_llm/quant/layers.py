"""Which layers of a decoder are quantized, and how they are exchanged."""

from __future__ import annotations

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import UnsupportedModelError, WeightsError
from ado_service.local_llm.quant.quantized_linear import QuantizedLinear
from ado_service.local_llm.quantization import Quantization


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """Every linear layer but the head, by name.

    Raises:
        UnsupportedModelError: one of them is quantized or adapted already.
    """
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    found = {}
    for name, module in model.named_modules():
        if _is_changed(module):
            raise UnsupportedModelError(
                f"layer {name} of the model is a {type(module).__name__}, which is quantized or "
                "adapted already; load the model anew, with quantization 'none'"
            )
        if isinstance(module, nn.Linear) and module is not head:
            found[name] = module
    return found


def _is_changed(module: nn.Module) -> bool:
    quantized = isinstance(module, nn.Linear) and type(module) is not nn.Linear
    return quantized or isinstance(module, QuantizedLinear | BaseTunerLayer)


def layer_numbers(model: PreTrainedModel) -> dict[str, int]:
    """Number of the decoder layer, from 0, that each module in one belongs to, by name."""
    layers = model.get_decoder().layers  # type: ignore[no-untyped-call]
    numbers = {id(one): number for number, layer in enumerate(layers) for one in layer.modules()}
    return {name: numbers[id(one)] for name, one in model.named_modules() if id(one) in numbers}


def replace_layer(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer in the place of the one of this name."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)


def check_unquantized(backbone: Backbone, method: str) -> None:
    """Check that a method which quantizes the weights itself finds them as they are.

    Raises:
        UnsupportedModelError: the backbone is loaded in another form.
    """
    if backbone.quantization is not Quantization.NONE:
        raise UnsupportedModelError(
            f"{method} quantizes the weights itself, and {backbone.name!r} is loaded with "
            f"quantization {backbone.quantization.value!r}; load it with 'none'"
        )


def check_finite(name: str, layer: nn.Linear) -> None:
    """Check the weights of a layer that is to be quantized.

    Raises:
        WeightsError: there is an infinite one among them, or none.
    """
    if not torch.isfinite(layer.weight).all():
        raise WeightsError(
            f"the weights of layer {name} are not all finite numbers, so that they cannot be "
            "quantized; copy or download the model again"
        )
