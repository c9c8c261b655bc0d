"""A task on disk: one safetensors file with the change of all scales."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor

from ado_service.local_llm.errors import AdapterMismatchError
from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.carded_file import Card, read_carded, write_carded


class ScalesCard(Card):
    """What the scales belong to."""

    version: Literal[1] = 1
    method: Literal["peqa"] = "peqa"
    settings: PEQASettings
    integers: str
    """`ScaledBackbone.fingerprint`: of the integers and their scales before the change."""


def save_scales(path: Path, scaled: ScaledBackbone) -> ScalesCard:
    """Write the present task; the file is there whole or not at all."""
    card = ScalesCard(
        backbone=scaled.backbone.fingerprint,
        backbone_name=scaled.backbone.name,
        settings=scaled.settings,
        integers=scaled.fingerprint,
    )
    return write_carded(path, scaled.task(), card)


def load_scales(path: Path, scaled: ScaledBackbone) -> dict[str, Tensor]:
    """A task to switch to, on the backbone's device.

    Raises:
        AdapterMismatchError: it is of another backbone or quantization.
        AdapterError: the file is broken.
    """
    card, tensors = read_carded(path, ScalesCard)
    card.check(path, scaled.backbone)
    if card.settings != scaled.settings:
        fitted, held = _told(card.settings), _told(scaled.settings)
        cure = "quantize the model as it was for the task"
        raise AdapterMismatchError(path, fitted, held, cure)
    if card.integers != scaled.fingerprint:
        fitted, held = (f"scales {one[:12]}" for one in (card.integers, scaled.fingerprint))
        cure = "a task was merged into one of the two: take the backbone that it was trained on"
        raise AdapterMismatchError(path, fitted, held, cure)
    return {name: tensor.to(scaled.backbone.device) for name, tensor in tensors.items()}


def _told(settings: PEQASettings) -> str:
    by = "a scale a channel" if settings.group is None else f"groups of {settings.group}"
    return f"integers of {settings.bits} bits with {by}"
