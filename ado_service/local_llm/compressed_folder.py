"""A compressed model on disk: config, safetensors, and a card that says what was cut.

The config stays the original model's; the card says where the weights differ from it. Loading
builds the original without filling it, cuts it in the same places, and puts the weights in.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights

from ado_service.local_llm.errors import ModelFolderError, UnsupportedModelError, WeightsError
from ado_service.local_llm.model_folder import FAMILIES
from ado_service.local_llm.transformer_blocks import VISION
from ado_service.local_llm.weights_file import WeightsFile

CARD = "compression.json"
WEIGHTS = "model.safetensors"
_GENERATION = "generation_config.json"
Method = Literal["mixed-rank", "disp"]
Structure = Mapping[str, tuple[int, ...]]
"""By name of a layer or block, the widths that it was cut to; what they are is the method's."""


class CompressionCard(BaseModel):
    """What was done to a model.

    Attributes:
        method: how it was compressed.
        architecture: class of the library that the original is of.
        parameters: weights that it has. original_parameters: that it had.
        structure: widths of what was cut.
        weights: `WeightsFile.fingerprint` of the weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    method: Method
    architecture: str
    parameters: int
    original_parameters: int
    structure: Structure
    weights: str = ""

    @classmethod
    def describe(
        cls, model: PreTrainedModel, method: Method, structure: Structure, original: int
    ) -> Self:
        """The card of a compressed model that had `original` parameters."""
        return cls(
            method=method,
            architecture=type(model).__name__,
            parameters=count_parameters(model),
            original_parameters=original,
            structure=structure,
        )


def count_parameters(model: torch.nn.Module) -> int:
    """Number of weights; those that two places share count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def save_compressed(folder: Path, model: PreTrainedModel, card: CompressionCard) -> None:
    """Write a model; each file is there whole or not at all, and the card is the last one.

    A compressed model that is there already is replaced.

    Raises:
        ModelFolderError: the folder holds another model, such as the original.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_free(folder)
    (folder / CARD).unlink(missing_ok=True)  # of a model that is no longer whole from here on
    config = copy.deepcopy(model.config)
    config.architectures = [card.architecture]
    config.save_pretrained(folder)
    if model.can_generate():
        model.generation_config.save_pretrained(folder)
    tensors = _tensors(model)
    _write(folder / WEIGHTS, lambda path: save_file(tensors, path, metadata={"format": "pt"}))
    whole = card.model_copy(update={"weights": WeightsFile.open(folder / WEIGHTS).fingerprint()})
    text = whole.model_dump_json(indent=1) + "\n"
    _write(folder / CARD, lambda path: path.write_text(text, encoding="utf-8"))


def read_compression_card(folder: Path) -> CompressionCard:
    """The card in a folder.

    Raises:
        ModelFolderError: there is none, or it cannot be read.
    """
    file = folder / CARD
    try:
        return CompressionCard.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFolderError(
            f"{folder} holds no compressed model: {CARD} is missing; give the folder of one"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise ModelFolderError(
            f"{file} does not describe a compressed model ({place}: {first['msg']}); copy it again"
        ) from error


def load_compressed(
    folder: Path, card: CompressionCard, cut: Callable[[PreTrainedModel, Structure], None]
) -> PreTrainedModel:
    """The model that a card describes, in evaluation mode, frozen, on the CPU.

    `cut` gives the original architecture, unfilled, the widths of the card.

    Raises:
        ModelFolderError: a file is missing or broken, or files of two models were mixed.
        UnsupportedModelError: the card names no architecture that is known here.
    """
    file = WeightsFile.open(folder / WEIGHTS)
    if file.fingerprint() != card.weights:
        raise WeightsError(f"{file.path} is not the file that {CARD} describes; copy both again")
    kind = _architecture(folder, card.architecture)
    config = _config(folder)
    if config.model_type != _model_type(kind):
        raise ModelFolderError(
            f"{folder}/config.json is of a {config.model_type!r} and {CARD} of a "
            f"{card.architecture}; copy both again"
        )
    with no_init_weights():
        model: PreTrainedModel = kind(config)
    try:
        cut(model, card.structure)
    except (AttributeError, ValueError, RuntimeError) as error:
        raise ModelFolderError(
            f"{folder}/{CARD} does not fit {folder}/config.json ({error}); copy both again"
        ) from error
    _fill(folder, model)
    if model.can_generate() and (folder / _GENERATION).is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    model.train(False)
    return model.requires_grad_(False)


def _check_free(folder: Path) -> None:
    if (folder / CARD).is_file():
        return
    for name in ("config.json", WEIGHTS, f"{WEIGHTS}.index.json"):
        if (folder / name).exists():
            raise ModelFolderError(
                f"{folder} holds {name} of another model; give an empty folder, or remove what "
                "is there if nobody needs it"
            )


def _architecture(folder: Path, name: str) -> type[PreTrainedModel]:
    kind: Any = getattr(transformers, name, None)
    if isinstance(kind, type) and issubclass(kind, PreTrainedModel):
        found: type[PreTrainedModel] = kind
        if _model_type(found) in {*FAMILIES, *VISION}:
            return found
    raise UnsupportedModelError(
        f"{folder}/{CARD} names the architecture {name!r}, which is not known here; it was "
        "written by another version, or is damaged"
    )


def _model_type(kind: type[PreTrainedModel]) -> str:
    return "" if kind.config_class is None else kind.config_class.model_type


def _config(folder: Path) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (StrictDataclassError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFolderError(f"{folder}/config.json is of no possible model: {error}") from error
    return config


def _tensors(model: PreTrainedModel) -> dict[str, Tensor]:
    """Weights and buffers by name; what two places share is there under its first name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[name] = tensor.detach().contiguous()
    return found


def _fill(folder: Path, model: PreTrainedModel) -> None:
    model.tie_weights()  # left out with the rest of the initialisation
    shared = {name: id(tensor) for name, tensor in model.state_dict(keep_vars=True).items()}
    tensors = load_file(folder / WEIGHTS)
    try:
        report = model.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{folder}/{WEIGHTS} does not fit {CARD} ({error}); copy both again"
        ) from error
    loaded = {shared[name] for name in tensors if name in shared}
    lacking = [name for name in report.missing_keys if shared[name] not in loaded]
    if lacking or report.unexpected_keys:
        place = (lacking or report.unexpected_keys)[0]
        raise WeightsError(
            f"{folder}/{WEIGHTS} does not hold what {CARD} asks for (first difference: {place}); "
            "copy both again"
        )
    model.tie_weights()


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the place and move there, so that no reader ever sees half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
