"""The transformer blocks of a loaded model: what compressions make smaller."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.model_folder import FAMILIES

VISION = ("deit", "vit")
"""Model types of vision transformers."""


class CompressedModule(nn.Module):
    """Base of every module that a compression puts in place of one of the model's own."""


def is_vision(model: PreTrainedModel) -> bool:
    """Whether it reads images; otherwise it is a decoder of text."""
    return model.config.model_type in VISION


def blocks(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Name in the model and module of each block, first to last.

    Raises:
        UnsupportedModelError: another architecture, a model that is quantized or wrapped, or one
            that was compressed before.
    """
    _check(model)
    trunk: Any = model.base_model if is_vision(model) else model.get_decoder()  # type: ignore[no-untyped-call]
    names = {id(module): name for name, module in model.named_modules()}
    return {names[id(block)]: block for block in trunk.layers}


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """Name in the model and module of each linear layer in its blocks.

    Raises:
        UnsupportedModelError: see `blocks`.
    """
    return {
        f"{name}.{inner}": module
        for name, block in blocks(model).items()
        for inner, module in block.named_modules()
        if isinstance(module, nn.Linear)
    }


def _check(model: PreTrainedModel) -> None:
    kind = type(model).__name__
    if not type(model).__module__.startswith("transformers.models."):
        raise UnsupportedModelError(
            f"a {kind} is a model with something around it; compress the model inside, and tune "
            "it afterwards"
        )
    if model.config.model_type not in {*FAMILIES, *VISION}:
        known = ", ".join(sorted({*FAMILIES, *VISION}))
        raise UnsupportedModelError(
            f"a model of type {model.config.model_type!r} cannot be compressed; supported types "
            f"are {known}"
        )
    for name, module in model.named_modules():
        if isinstance(module, CompressedModule):
            raise UnsupportedModelError(
                f"{name} of this {kind} was compressed before; compress the original model"
            )
        if isinstance(module, nn.Linear) and not module.weight.is_floating_point():
            raise UnsupportedModelError(
                f"{name} of this {kind} holds quantized weights; load the model unquantized, "
                "compress it, and quantize the result"
            )
