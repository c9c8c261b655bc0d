"""The model that comes with the package, under the name `local`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_source import ModelSource, Stamp, stamp_of
from ado_service.local_llm.quantization import Quantization

NAME = "local"
FOLDER = Path(__file__).parent / "embedded"


def is_there(folder: Path | None = None) -> bool:
    """Whether this installation has the model, or `folder` in place of its own."""
    return ((folder or FOLDER) / "model.safetensors").is_file()


def embedded_source(folder: Path | None = None) -> ModelSource:
    """Where it comes from: the installation, or `folder` in place of its own.

    Raises:
        ModelFolderError: the folder does not hold a whole model.
    """
    return _source(folder or FOLDER, stamp_of(folder or FOLDER))


@cache
def _source(folder: Path, stamp: Stamp) -> ModelSource:
    found = ModelFolder.open(folder)
    return ModelSource(
        name=NAME,
        folder=folder,
        quantization=Quantization.NONE,
        fingerprint=found.fingerprint(),
        family=found.model_type,
        parameters=found.parameters,
        context=int(found.config["max_position_embeddings"]),
        created=datetime.fromtimestamp((folder / "model.safetensors").stat().st_mtime, UTC),
        stamp=stamp,
    )
