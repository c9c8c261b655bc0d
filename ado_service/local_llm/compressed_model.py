"""What all compressions give: a smaller model that can be saved, and loaded by its card."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import read_compression_card
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.mixed_rank.mixed_rank_model import MixedRankModel


class CompressedModel(Protocol):
    """A model that was made smaller, of the library's own class."""

    @property
    def model(self) -> PreTrainedModel:
        """It, in evaluation mode, frozen."""

    @property
    def original_parameters(self) -> int:
        """Weights that the model had before."""

    @property
    def parameters(self) -> int:
        """Weights that it has."""

    def save(self, folder: Path) -> None:
        """Write it to a folder of its own.

        Raises:
            ModelFolderError: the folder holds another model.
        """


def load_compressed_model(folder: Path) -> CompressedModel:
    """A saved model, by the method that compressed it, equal in every bit, on the CPU.

    Raises:
        ModelFolderError: the folder holds no whole compressed model.
    """
    match read_compression_card(folder).method:
        case "mixed-rank":
            return MixedRankModel.load(folder)
        case "disp":
            return DispModel.load(folder)
