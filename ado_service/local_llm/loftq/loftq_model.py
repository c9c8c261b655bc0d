"""A backbone that LoftQ has quantized, with the LoRA matrices that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import peft
import torch
from torch import Tensor, nn

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.loftq.factorization import Factorization, factorize
from ado_service.local_llm.loftq.lora import ADAPTER, add_lora
from ado_service.local_llm.loftq.settings import LoftQSettings
from ado_service.local_llm.quant.code_book import CodeBook
from ado_service.local_llm.quant.coded_linear import CodedLinear
from ado_service.local_llm.quant.layers import (
    check_finite,
    check_unquantized,
    layer_numbers,
    linear_layers,
    replace_layer,
)


@dataclass(frozen=True)
class LayerFit:
    """What LoftQ made of a layer; errors are relative to the norm of its weights.

    Attributes:
        book: its code book.
        plain: error of quantization alone.
        error: error with the LoRA matrices, at the best step.
        step: number of that step, from 1.
    """

    book: CodeBook
    plain: float
    error: float
    step: int


@dataclass(frozen=True)
class LoftQModel:
    """A decoder ready to be tuned: what requires a gradient is LoRA's.

    Attributes:
        backbone: whose model has quantized layers with LoRA matrices in them.
        tuned: the same model as peft sees it.
        settings: what it was made with.
        fits: by layer; empty for one that was loaded.
    """

    backbone: Backbone
    tuned: peft.PeftModel
    settings: LoftQSettings
    fits: Mapping[str, LayerFit]

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The LoRA matrices, by name in the backbone's model."""
        named = self.backbone.model.named_parameters()
        return {name: one for name, one in named if one.requires_grad}


def initialize(
    backbone: Backbone,
    settings: LoftQSettings,
    told: Callable[[str, LayerFit], object] = lambda _name, _fit: None,
) -> LoftQModel:
    """Quantize a loaded model in place, layer by layer, and put LoRA matrices beside.

    Without training it answers nearly as the unquantized model does. It is the same on each call.

    Args:
        backbone: loaded unquantized; its model is changed.
        settings: what is chosen.
        told: called with the name and the fit of each layer that is done.

    Raises:
        UnsupportedModelError: the backbone is quantized already, or the rank too large for a layer.
        WeightsError: weights that are no finite numbers. Nothing is changed where this raises.
    """
    check_unquantized(backbone, "LoftQ")
    model = backbone.model
    layers, numbers = linear_layers(model), layer_numbers(model)
    for name, layer in layers.items():
        _check_rank(name, layer, settings)
        check_finite(name, layer)
    targets = sorted({name.rpartition(".")[2] for name in layers})
    factors, fits = {}, {}
    for name in list(layers):
        layer = layers.pop(name)  # so that its weights go as soon as they are quantized
        book = settings.book_of(numbers.get(name))
        found = factorize(
            layer.weight, book, rank=settings.rank, steps=settings.steps, scaling=settings.scaling
        )
        replace_layer(model, name, CodedLinear(found.quantized, layer.bias))
        factors[name] = (found.A, found.B)
        fits[name] = _fit(book, found)
        told(name, fits[name])
    tuned = add_lora(model, rank=settings.rank, targets=targets)
    for name, (A, B) in factors.items():
        _set_lora(model.get_submodule(name), A, B, model.dtype)
    return LoftQModel(backbone, tuned, settings, fits)


def _check_rank(name: str, layer: nn.Linear, settings: LoftQSettings) -> None:
    most = min(layer.in_features, layer.out_features)
    if settings.rank > most:
        raise UnsupportedModelError(
            f"rank {settings.rank} is more than layer {name} can have, which is "
            f"{layer.out_features} x {layer.in_features}; use at most {most}"
        )


def _fit(book: CodeBook, found: Factorization) -> LayerFit:
    return LayerFit(book, found.plain, found.error, 1 + found.errors.index(found.error))


@torch.no_grad()
def _set_lora(layer: nn.Module, A: Tensor, B: Tensor, dtype: torch.dtype) -> None:
    """Names of peft are the other way round: its lora_B is the paper's A, its lora_A is B^T."""
    layer.lora_B[ADAPTER].weight.copy_(A.to(dtype))  # type: ignore[index, union-attr]
    layer.lora_A[ADAPTER].weight.copy_(B.T.to(dtype))  # type: ignore[index, union-attr]
