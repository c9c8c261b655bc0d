"""Checkpoints of a tuning: safetensors and JSON, each there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ado_service.store.tuning_config import TuningConfig

_TENSORS, _CARD, _STEP = "state.safetensors", "state.json", "step-"


class CheckpointCard(BaseModel):
    """What a checkpoint belongs to, and what it holds beside tensors.

    Attributes:
        config: of the tuning.
        backbone: fingerprint of the model that is tuned.
        data: hash of the examples that are trained on.
        step: steps that are done.
        loss: of the last ones, smoothed.
        seconds: of training so far.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: TuningConfig
    backbone: str
    data: str
    step: int
    loss: float
    seconds: float


class Checkpoints:
    """The checkpoints in a folder; the latest one that is whole counts.

    Args:
        folder: of their own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, card: CheckpointCard, tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint, then remove the one before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        place = self._folder / f"{_STEP}{card.step:09d}"
        draft = self._folder / f".draft-{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        # The format takes contiguous tensors alone.
        save_file(
            {name: one.detach().contiguous() for name, one in tensors.items()}, draft / _TENSORS
        )
        (draft / _CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
        for earlier in self._steps()[:-1]:
            shutil.rmtree(earlier, ignore_errors=True)

    def latest(self, device: str) -> tuple[CheckpointCard, dict[str, Tensor]] | None:
        """The newest checkpoint that can be read; None where there is none."""
        for place in reversed(self._steps()):
            try:
                text = (place / _CARD).read_text(encoding="utf-8")
                card = CheckpointCard.model_validate_json(text)
                return card, load_file(place / _TENSORS, device=device)
            except (OSError, ValidationError, SafetensorError):
                continue
        return None

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob(f"{_STEP}*")) if self._folder.is_dir() else []
