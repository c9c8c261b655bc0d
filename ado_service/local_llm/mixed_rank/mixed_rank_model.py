"""A model whose linear layers have as many ranks as they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import (
    CompressionCard,
    Structure,
    count_parameters,
    load_compressed,
    read_compression_card,
    save_compressed,
)
from ado_service.local_llm.errors import ModelFolderError
from ado_service.local_llm.mixed_rank.compensation import Compensated
from ado_service.local_llm.mixed_rank.factorized_linear import factorize
from ado_service.local_llm.transformer_blocks import linear_layers

_METHOD: Final = "mixed-rank"


@dataclass(frozen=True)
class MixedRankModel:
    """A compressed model of the library's own class, which trains and generates like any other.

    Attributes:
        model: in evaluation mode, frozen.
        ranks: of the layers that were factorized, by name; the others are whole.
        original_parameters: that the model had before.
        compensated: errors of the factorized layers before and after their compensation; empty
            where there was none, or the model comes from a folder.
    """

    model: PreTrainedModel
    ranks: Mapping[str, int]
    original_parameters: int
    compensated: Mapping[str, Compensated] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Weights that the model has."""
        return count_parameters(self.model)

    def save(self, folder: Path) -> None:
        """Write it to a folder of its own.

        Raises:
            ModelFolderError: the folder holds another model.
        """
        structure = {name: (rank,) for name, rank in self.ranks.items()}
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
        ranks = {name: widths[0] for name, widths in card.structure.items()}
        return cls(model, ranks, card.original_parameters)


def _cut(model: PreTrainedModel, structure: Structure) -> None:
    layers = linear_layers(model)
    for name, widths in structure.items():
        if name not in layers or len(widths) != 1 or widths[0] < 1:
            raise ValueError(f"there is no linear layer {name!r} to get the rank {widths}")
        factorize(model, name, widths[0])
