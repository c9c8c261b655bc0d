"""A decoder whose blocks each have channels and widths of their own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import (
    CompressionCard,
    Structure,
    count_parameters,
    load_compressed,
    read_compression_card,
    save_compressed,
)
from ado_service.local_llm.disp.budget import numbers
from ado_service.local_llm.disp.gates import Gates
from ado_service.local_llm.disp.layer_shape import Structures, layer_shapes
from ado_service.local_llm.disp.pruned_layer import prune_layer
from ado_service.local_llm.errors import ModelFolderError

_METHOD: Final = "disp"


@dataclass(frozen=True)
class DispModel:
    """A pruned decoder of the library's own class, which generates and is tuned like any other.

    Attributes:
        model: in evaluation mode, frozen.
        widths: of each layer, by name.
        original_parameters: that the model had before.
    """

    model: PreTrainedModel
    widths: Mapping[str, Structures]
    original_parameters: int

    @classmethod
    def prune(cls, model: PreTrainedModel, gates: Gates) -> Self:
        """A copy of a model without the channels whose gate is 0; its answers are the masked one's.

        Raises:
            UnsupportedModelError: see `layer_shapes`.
        """
        layer_shapes(model)
        smaller = copy.deepcopy(model).requires_grad_(False)
        for name, own in gates.items():
            prune_layer(smaller, name, Structures(*map(_index, own)))
        smaller.train(False)
        return cls(smaller, numbers(gates), count_parameters(model))

    @property
    def parameters(self) -> int:
        """Weights that the model has."""
        return count_parameters(self.model)

    def save(self, folder: Path) -> None:
        """Write it to a folder of its own.

        Raises:
            ModelFolderError: the folder holds another model.
        """
        structure = {name: tuple(own) for name, own in self.widths.items()}
        card = CompressionCard.describe(self.model, _METHOD, structure, self.original_parameters)
        save_compressed(folder, self.model, card)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A saved one, equal in every bit, on the CPU.

        Raises:
            ModelFolderError: the folder holds no whole model that was compressed this way.
        """
        card = read_compression_card(folder)
        if card.method != _METHOD:
            raise ModelFolderError(
                f"the model in {folder} was compressed by {card.method!r}, not by {_METHOD!r}; "
                "load it by its own method"
            )
        model = load_compressed(folder, card, _cut)
        widths = {name: Structures(*own) for name, own in card.structure.items()}
        return cls(model, widths, card.original_parameters)


def _index(gate: Tensor) -> Tensor:
    return gate.nonzero().squeeze(1)


def _cut(model: PreTrainedModel, structure: Structure) -> None:
    """Give the layers their widths; weights and indexes come from the file."""
    shapes = layer_shapes(model)
    for name, own in structure.items():
        if name not in shapes:
            raise ValueError(f"there is no layer {name!r}")
        whole = shapes[name].whole
        if len(own) != len(whole) or not all(
            1 <= width <= most for width, most in zip(own, whole, strict=True)
        ):
            raise ValueError(f"layer {name!r} of widths {tuple(whole)} cannot get {own}")
        prune_layer(model, name, Structures(*(torch.arange(width) for width in own)))
