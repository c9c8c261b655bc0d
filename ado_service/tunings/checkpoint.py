"""Checkpoints of a tuning: safetensors and JSON, each there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.place import STEP
from ado_service.tunings.whole_folder import whole_folder

_TENSORS, _CARD = "state.safetensors", "state.json"


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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that can be read, without all of it in memory at once.

    Attributes:
        card: what it belongs to.
        names: of its tensors.
        file: that holds them.
    """

    card: CheckpointCard
    names: frozenset[str]
    file: Path

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], Tensor]]:
        """Gives tensors by name, which lie in the file and are to be copied.

        What was read of the file is in memory until the end of the block.
        """
        with safe_open(self.file, framework="pt") as tensors:
            yield tensors.get_tensor


class Checkpoints:
    """The checkpoints in a folder; the latest one that is whole counts.

    Args:
        folder: of their own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, card: CheckpointCard, tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint, then remove the one before.

        Raises:
            OSError: it cannot be written; the one before is still there.
        """
        place = self._folder / f"{STEP}{card.step:09d}"
        with whole_folder(place) as draft:
            # The format takes contiguous tensors alone.
            whole = {name: one.detach().contiguous() for name, one in tensors.items()}
            save_file(whole, draft / _TENSORS)
            (draft / _CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for earlier in self._steps()[:-1]:
            shutil.rmtree(earlier, ignore_errors=True)

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None where there is none.

        Raises:
            OSError: the disk does not give one that is there.
        """
        for place in reversed(self._steps()):
            try:
                text = (place / _CARD).read_text(encoding="utf-8")
                card = CheckpointCard.model_validate_json(text)
                with safe_open(place / _TENSORS, framework="pt") as tensors:
                    return Checkpoint(card, frozenset(tensors.keys()), place / _TENSORS)
            except (FileNotFoundError, ValidationError, SafetensorError):
                continue
        return None

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob(f"{STEP}*")) if self._folder.is_dir() else []
