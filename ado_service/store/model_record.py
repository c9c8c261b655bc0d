"""A language model of this service: a folder on its disk, or a tuning of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.local_llm.quantization import Quantization
from ado_service.store.record import Record

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {EMBEDDED: "the embedded model", "none": "running without a model"}


class TuningMethod(StrEnum):
    """How a model was made of its base."""

    QST = "qst"
    LORA = "lora"
    QLORA = "qlora"
    FULL = "full"


class ModelRecord(Record):
    """A model that can be asked.

    Attributes:
        name: unique; letters a-z, digits, dots, dashes and underscores, at most 64.
        path: absolute folder, of the model or of what the tuning adds to its base.
        quantization: how the weights are held when loaded; of a tuning, its base's.
        method: how it was tuned; None for a model that was added as it is.
        base: name of the model that it was tuned from; None likewise.
        fingerprint: `ModelFolder.fingerprint` of the whole model, or of the base of a tuning.
        family: model type of the library, such as "llama".
        parameters: number of weights, those of a tuning's base included.
        context: longest prompt plus answer, tokens.
        created_at: UTC.
    """

    name: str
    path: Path
    quantization: Quantization
    method: TuningMethod | None = None
    base: str | None = None
    fingerprint: str
    family: str
    parameters: int = Field(ge=1)
    context: int = Field(ge=1)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        return checked_name(name)

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError(f"{path} is not absolute; other processes start in other folders")
        return path

    @model_validator(mode="after")
    def _tunings_have_a_base(self) -> ModelRecord:
        if (self.method is None) != (self.base is None):
            raise ValueError("a tuning has both a method and a base, another model neither")
        return self


def checked_name(name: str) -> str:
    """`name`, if a model may be called so.

    Raises:
        ValueError: it may not; the message says what may.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a model: write up to 64 of a-z, 0-9, dots, dashes and "
            "underscores, a letter or digit first"
        )
    if name in _RESERVED:
        raise ValueError(f"{name!r} stands for {_RESERVED[name]}; choose another name")
    return name


def name_of_folder(folder: Path) -> str:
    """The name that a model gets of its folder when it is given none; it may be empty."""
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower())
    return name.strip("._-")[:64]
