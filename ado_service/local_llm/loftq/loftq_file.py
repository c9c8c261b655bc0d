"""A LoftQ tuning on disk: a folder of peft's, and the quantized weights that it is fitted to.

`adapter_config.json` and `adapter_model.safetensors` are standard: on the model that
`save_dequantized` writes, any engine that knows LoRA loads them. `quantized.safetensors` rebuilds
the quantized backbone to the bit, which quantizing anew would not: singular value decompositions
differ from machine to machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from torch import Tensor, nn

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import AdapterError, WeightsError
from ado_service.local_llm.loftq.loftq_model import LoftQModel
from ado_service.local_llm.loftq.lora import load_lora, save_lora
from ado_service.local_llm.loftq.settings import LoftQSettings
from ado_service.local_llm.quant.carded_file import Card, read_carded, write_carded
from ado_service.local_llm.quant.code_book import CodeBook
from ado_service.local_llm.quant.coded_linear import CodedLinear
from ado_service.local_llm.quant.coded_matrix import CodedMatrix
from ado_service.local_llm.quant.layers import check_unquantized, linear_layers, replace_layer
from ado_service.local_llm.weights_file import WeightsFile

CONFIG, ADAPTER = "adapter_config.json", "adapter_model.safetensors"
QUANTIZED = "quantized.safetensors"


class MatrixCard(BaseModel):
    """Code book and `outputs x inputs` of a layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    book: CodeBook
    shape: tuple[int, int]


class LoftQCard(Card):
    """What the quantized weights are, and which adapter goes with them."""

    version: Literal[1] = 1
    method: Literal["loftq"] = "loftq"
    settings: LoftQSettings
    layers: dict[str, MatrixCard]
    adapter_sha256: str


def save_loftq(folder: Path, tuned: LoftQModel) -> LoftQCard:
    """Write a tuning; each file is there whole or not at all, the card with the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    _save_adapter(folder, tuned)
    layers = _coded_layers(tuned.backbone)
    card = LoftQCard(
        backbone=tuned.backbone.fingerprint,
        backbone_name=tuned.backbone.name,
        settings=tuned.settings,
        layers={name: MatrixCard(book=m.book, shape=m.shape) for name, m in layers.items()},
        adapter_sha256=_sha256(folder / ADAPTER),
    )
    return write_carded(folder / QUANTIZED, _tensors(layers), card)


def load_loftq(folder: Path, backbone: Backbone, *, trainable: bool = False) -> LoftQModel:
    """Rebuild a saved tuning on its backbone, which is loaded unquantized and changed in place.

    Raises:
        AdapterError: it is of another backbone, or a file of it is missing, broken or changed.
        UnsupportedModelError: the backbone is quantized already.
    """
    check_unquantized(backbone, "LoftQ")
    card, tensors = read_carded(folder / QUANTIZED, LoftQCard)
    card.check(folder / QUANTIZED, backbone)
    _check_adapter(folder, card)
    model = backbone.model
    layers = linear_layers(model)
    matrices = _matrices(folder / QUANTIZED, card, tensors, layers)
    for name, matrix in matrices.items():
        coded = CodedLinear(matrix, layers[name].bias)
        replace_layer(model, name, coded.to(backbone.device))
    try:
        tuned = load_lora(model, folder, trainable=trainable)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise AdapterError(
            f"the LoRA weights in {folder} cannot be loaded: {error}; copy them again"
        ) from error
    model.eval()  # type: ignore[no-untyped-call]
    return LoftQModel(backbone, tuned, card.settings, {})


def _save_adapter(folder: Path, tuned: LoftQModel) -> None:
    """As peft writes it, beside its place first."""
    draft = folder / f".adapter.{os.getpid()}"
    try:
        save_lora(tuned.tuned, draft, tuned.backbone.name)
        for name in (CONFIG, ADAPTER):
            (draft / name).replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_adapter(folder: Path, card: LoftQCard) -> None:
    """Whole safetensors, those of the card, and nothing else: peft would load pickles too."""
    if not (folder / CONFIG).is_file():
        raise AdapterError(f"{folder} holds no LoRA weights: {CONFIG} is missing; copy it again")
    try:
        WeightsFile.open(folder / ADAPTER)
    except WeightsError as error:
        raise AdapterError(str(error)) from error
    if _sha256(folder / ADAPTER) != card.adapter_sha256:
        raise AdapterError(
            f"{folder / ADAPTER} is not the adapter that {QUANTIZED} was written with; copy both "
            "again"
        )


def _coded_layers(backbone: Backbone) -> dict[str, CodedMatrix]:
    """The quantized layers by the names that they have without peft."""
    return {
        name.removesuffix(".base_layer"): module.matrix
        for name, module in backbone.model.named_modules()
        if isinstance(module, CodedLinear)
    }


def _tensors(layers: Mapping[str, CodedMatrix]) -> dict[str, Tensor]:
    tensors = {}
    for name, matrix in layers.items():
        tensors[f"{name}.codes"] = matrix.codes
        tensors[f"{name}.scales"] = matrix.scales
        if matrix.offsets is not None:
            tensors[f"{name}.offsets"] = matrix.offsets
    return tensors


def _matrices(
    path: Path, card: LoftQCard, tensors: Mapping[str, Tensor], layers: Mapping[str, nn.Linear]
) -> dict[str, CodedMatrix]:
    """The matrix of every layer of the model.

    Raises:
        AdapterError: the file has other layers, or a tensor of one is missing or of another size.
    """
    shapes = {name: (one.out_features, one.in_features) for name, one in layers.items()}
    if shapes != {name: one.shape for name, one in card.layers.items()}:
        raise AdapterError(f"{path} has other layers than the model; copy it again")
    try:
        return {
            name: CodedMatrix.of_parts(
                one.book,
                one.shape,
                tensors[f"{name}.codes"],
                tensors[f"{name}.scales"],
                tensors.get(f"{name}.offsets"),
            )
            for name, one in card.layers.items()
        }
    except (KeyError, ValueError) as error:
        raise AdapterError(f"{path} lacks a part of a layer ({error}); copy it again") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
