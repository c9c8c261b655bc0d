"""A safetensors file with a card in its header: what the numbers are, and what they belong to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import AdapterError, WeightsError
from ado_service.local_llm.fitted import Fitted
from ado_service.local_llm.weights_file import WeightsFile

_KEY = "card"


class Card(BaseModel):
    """What every card says: whose numbers these are, and their hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str
    """`ModelFolder.fingerprint` of the backbone."""
    backbone_name: str
    content: str = ""
    """`content_hash` of the tensors; set when they are written."""

    def check(self, path: Path, backbone: Backbone) -> None:
        """Check that the file is of this backbone, loaded unquantized.

        Raises:
            AdapterMismatchError: it is of another one.
        """
        Fitted(self.backbone_name, self.backbone, Quantization.NONE).check(path, backbone)


CardT = TypeVar("CardT", bound=Card)


def write_carded(path: Path, tensors: Mapping[str, Tensor], card: CardT) -> CardT:
    """Write tensors and their card; the file is there whole or not at all. Returns the card."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = card.model_copy(update={"content": content_hash(held)})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(held, draft, metadata={_KEY: card.model_dump_json()})
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return card


def read_carded(path: Path, kind: type[CardT]) -> tuple[CardT, dict[str, Tensor]]:
    """The card and the tensors, on the CPU.

    Raises:
        AdapterError: there is no such file, it is truncated or changed, or it is of another kind.
    """
    card = read_card(path, kind)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"{path} cannot be read: {error}; copy it again") from error
    if content_hash(tensors) != card.content:
        raise AdapterError(
            f"the numbers in {path} are not those that its header describes; copy it again"
        )
    return card, tensors


def read_card(path: Path, kind: type[CardT]) -> CardT:
    """The card alone, which is quick.

    Raises:
        AdapterError: as `read_carded`, except that the numbers are not looked at.
    """
    try:
        header = WeightsFile.open(path).header
    except WeightsError as error:
        raise AdapterError(str(error)) from error
    metadata = json.loads(header).get("__metadata__")
    text = metadata.get(_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise AdapterError(
            f"the header of {path} does not say what it belongs to; give a file that was written "
            "here"
        )
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise AdapterError(
            f"the header of {path} does not suit ({place}: {first['msg']}); give a file of the "
            "right kind, or copy it again"
        ) from error


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def bytes_of(tensor: Tensor) -> memoryview:
    """The bytes of a tensor of at least one dimension, without a copy where it is on the CPU."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
