"""A tuning on disk: a folder with one safetensors file, and JSON that says what it belongs to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import AdapterError, WeightsError
from ado_service.local_llm.fitted import Fitted
from ado_service.local_llm.side.downsampler import DownsamplerKind
from ado_service.local_llm.side.side_config import SideSettings
from ado_service.local_llm.side.side_network import SideNetwork
from ado_service.local_llm.weights_file import WeightsFile

WEIGHTS = "adapter.safetensors"
CARD = "adapter.json"


class AdapterCard(BaseModel):
    """What the weights are, and the backbone whose quantized hidden states they are fitted to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    method: Literal["qst"] = "qst"
    reduction: int
    rank: int
    downsampler: DownsamplerKind
    dtype: str
    backbone: str
    """`ModelFolder.fingerprint` of the backbone."""
    backbone_name: str
    quantization: Quantization
    weights_sha256: str

    @classmethod
    def describe(cls, side: SideNetwork, backbone: Backbone, weights: Path) -> Self:
        """The card of a side network of this backbone, saved as `weights`."""
        settings = side.settings
        return cls(
            reduction=settings.reduction,
            rank=settings.rank,
            downsampler=settings.downsampler,
            dtype=settings.dtype,
            backbone=backbone.fingerprint,
            backbone_name=backbone.name,
            quantization=backbone.quantization,
            weights_sha256=_sha256(weights),
        )

    @property
    def settings(self) -> SideSettings:
        """Those that the side network was made with."""
        return SideSettings(self.reduction, self.rank, self.downsampler, self.dtype)


def save_adapter(folder: Path, side: SideNetwork, backbone: Backbone) -> AdapterCard:
    """Write a side network; a file is there whole or not at all, and the card is the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in side.state_dict().items()}
    _write(folder / WEIGHTS, lambda path: save_file(tensors, path))
    card = AdapterCard.describe(side, backbone, folder / WEIGHTS)
    text = card.model_dump_json(indent=2) + "\n"
    _write(folder / CARD, lambda path: path.write_text(text, encoding="utf-8"))
    return card


def read_card(folder: Path) -> AdapterCard:
    """The card of a saved tuning.

    Raises:
        AdapterError: there is none, or it cannot be read.
    """
    file = folder / CARD
    try:
        return AdapterCard.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdapterError(
            f"{folder} holds no tuning: {CARD} is missing; give its folder"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise AdapterError(
            f"{file} does not describe a tuning ({place}: {first['msg']}); copy it again"
        ) from error


def load_adapter(folder: Path, backbone: Backbone) -> SideNetwork:
    """A saved side network, on the backbone's device, in evaluation mode.

    Raises:
        AdapterError: it is of another backbone or quantization, or a file is broken.
    """
    card = read_card(folder)
    Fitted(card.backbone_name, card.backbone, card.quantization).check(folder, backbone)
    weights = folder / WEIGHTS
    try:
        WeightsFile.open(weights)
    except WeightsError as error:
        raise AdapterError(str(error)) from error
    if _sha256(weights) != card.weights_sha256:
        raise AdapterError(f"{weights} is not the file that {CARD} describes; copy both again")
    side = SideNetwork.create(backbone.model, card.settings)
    side.load_state_dict(load_file(weights, device=str(backbone.device)))
    return side.eval()


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the place and move there, so that no reader ever sees half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
