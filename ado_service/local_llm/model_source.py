"""Where a hosted model comes from: a folder, and for a tuning the model that it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from ado_service.local_llm.quantization import Quantization

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size in bytes and time of change (ns) of each file of a folder, by name."""

_WHOLE = {None, "full"}
"""Methods whose folder holds a whole model; those of the others hold what they add to one."""


@dataclass(frozen=True)
class ModelSource:
    """What is needed to load a model. Two sources are equal where they load the same.

    Attributes:
        name: of the model.
        folder: of the whole model, or of what a tuning adds to its base.
        quantization: how the weights are held; of a tuning, its base's.
        fingerprint: `ModelFolder.fingerprint` of the whole model, or of the base of a tuning.
        family: model type of the library, such as "llama".
        parameters: number of weights.
        context: longest prompt plus answer, tokens.
        created: when it was registered.
        method: how it was tuned; None for a model that was not.
        base: what it was tuned from.
        stamp: of the folder, so that files that were replaced make another source.
    """

    name: str
    folder: Path
    quantization: Quantization
    fingerprint: str
    family: str
    parameters: int
    context: int
    created: datetime
    method: str | None = None
    base: Self | None = None
    stamp: Stamp = field(default=(), repr=False)

    @property
    def backbone(self) -> ModelSource:
        """The whole model underneath; itself where its own folder holds one."""
        if self.method in _WHOLE or self.base is None:
            return self
        return self.base.backbone


def stamp_of(folder: Path) -> Stamp:
    """The stamp of a folder; empty where there is none."""
    try:
        entries = sorted(folder.iterdir())
        stats = [(one.name, one.stat()) for one in entries if not one.name.startswith(".")]
    except OSError:  # it goes away while it is looked at; loading says so
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
