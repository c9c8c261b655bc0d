"""A folder with a Hugging Face decoder: checked whole before anything of it is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ado_service.local_llm.errors import ModelFolderError, UnsupportedModelError, WeightsError
from ado_service.local_llm.weights_file import TensorEntry, WeightsFile

FAMILIES = {
    "llama": "LLaMA",
    "mistral": "Mistral",
    "opt": "OPT",
    "phi": "Phi",
    "phi3": "Phi",
    "qwen2": "Qwen",
    "qwen3": "Qwen",
}
"""Model types of the library (`config.json`, "model_type") that are served, and their family."""

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
# Entries of config.json that say how it was written, not what the model computes.
_PROVENANCE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")


@dataclass(frozen=True)
class ModelFolder:
    """A folder that holds config, whole safetensors weights and a tokenizer of a served family."""

    path: Path
    config: Mapping[str, Any]
    weights: tuple[WeightsFile, ...]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check the folder without loading the model.

        Raises:
            ModelFolderError: something is missing; `WeightsError` for a truncated or corrupt file.
            UnsupportedModelError: another architecture, or weights that are already quantized.
        """
        if not path.is_dir():
            raise ModelFolderError(f"{path} is not a folder; give the folder of a model")
        config = _read_config(path)
        weights = tuple(WeightsFile.open(file) for file in _weights_files(path))
        if not any((path / name).is_file() for name in _TOKENIZERS):
            raise ModelFolderError(
                f"{path} has no tokenizer; add the model's tokenizer.json beside its weights"
            )
        return cls(path, config, weights)

    @property
    def model_type(self) -> str:
        """The library's name of the architecture, such as "llama"."""
        return str(self.config["model_type"])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(entry.elements for _, entry in self.tensors())

    def tensors(self) -> Iterator[tuple[str, TensorEntry]]:
        """Name and entry of every tensor in the weights."""
        for file in self.weights:
            yield from file.tensors.items()

    def fingerprint(self) -> str:
        """SHA-256 that tells this model from others, also of the same architecture.

        It is a hash of what config.json says about the computation and of `WeightsFile.fingerprint`
        of every file, so that moving or renaming the folder keeps it.
        """
        config = {key: value for key, value in self.config.items() if key not in _PROVENANCE}
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        for file in self.weights:
            digest.update(file.fingerprint().encode())
        return digest.hexdigest()


def _read_config(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        raise ModelFolderError(
            f"{path} has no config.json; give the folder of a Hugging Face model"
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFolderError(f"{file} is not JSON ({error}); copy it again") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelFolderError(f"{file} names no model_type; it is not the config of a model")
    _check_family(file, config)
    return config


def _check_family(file: Path, config: Mapping[str, Any]) -> None:
    model_type = config["model_type"]
    if model_type not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise UnsupportedModelError(
            f"{file} describes a model of type {model_type!r}; supported are the LLaMA, Qwen, "
            f"Mistral, OPT and Phi families (model types {known})"
        )
    if "quantization_config" in config:
        raise UnsupportedModelError(
            f"{file} describes weights that are already quantized; give the unquantized model, "
            "which is quantized to NF4 when it is loaded"
        )


def _weights_files(path: Path) -> list[Path]:
    """The one weights file, or the shards that the index lists, all of which exist."""
    index = path / _INDEX
    if (path / _WEIGHTS).is_file():
        return [path / _WEIGHTS]
    if not index.is_file():
        raise WeightsError(f"{path} has no {_WEIGHTS}; {_cure(path)}")
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index} is not an index of weights; copy it again") from error
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise WeightsError(f"{path} lacks {', '.join(missing)}, which {_INDEX} lists; copy them")
    return [path / name for name in names]


def _cure(path: Path) -> str:
    if any(path.glob("*.bin")) or any(path.glob("*.pt*")):
        return "pickled weights are never loaded, as they can run code: convert them to safetensors"
    return "copy the weights there"
