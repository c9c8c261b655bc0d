"""Integer weights on disk: one safetensors file, a fourth of the model or less.

A merged task lives here. All else of the model (embeddings, norms, head) is in its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import AdapterError
from ado_service.local_llm.peqa.integer_matrix import IntegerMatrix
from ado_service.local_llm.peqa.scaled_backbone import ScaledBackbone
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.carded_file import Card, read_carded, write_carded
from ado_service.local_llm.quant.layers import linear_layers
from ado_service.local_llm.quant.packing import packed_bytes


class IntegersCard(Card):
    """What the integers belong to."""

    version: Literal[1] = 1
    method: Literal["peqa-integers"] = "peqa-integers"
    settings: PEQASettings


def save_integers(path: Path, scaled: ScaledBackbone) -> IntegersCard:
    """Write integers and scales, without the present task; `ScaledBackbone.merge` brings it in."""
    tensors = {}
    for name, layer in scaled.layers.items():
        parts = {"codes": layer.codes, "zeros": layer.zeros, "scales": layer.scales}
        tensors.update({f"{name}.{part}": tensor for part, tensor in parts.items()})
    card = IntegersCard(
        backbone=scaled.backbone.fingerprint,
        backbone_name=scaled.backbone.name,
        settings=scaled.settings,
    )
    return write_carded(path, tensors, card)


def load_integers(path: Path, backbone: Backbone) -> ScaledBackbone:
    """Put saved integers into a backbone that is loaded unquantized, in place.

    Raises:
        AdapterError: they are of another backbone, or the file is broken.
        UnsupportedModelError: the backbone is quantized already.
    """
    card, tensors = read_carded(path, IntegersCard)
    card.check(path, backbone)
    matrices = {
        name: _matrix(path, name, layer, tensors, card.settings)
        for name, layer in linear_layers(backbone.model).items()
    }
    return ScaledBackbone.of_matrices(backbone, card.settings, matrices)


def _matrix(
    path: Path, name: str, layer: nn.Linear, tensors: Mapping[str, Tensor], settings: PEQASettings
) -> IntegerMatrix:
    outputs, inputs = layer.out_features, layer.in_features
    per_group = (outputs, settings.groups(inputs))
    wanted = {
        "codes": (packed_bytes(outputs * inputs, settings.bits),),
        "zeros": per_group,
        "scales": per_group,
    }
    parts = {part: tensors.get(f"{name}.{part}") for part in wanted}
    for part, shape in wanted.items():
        found = parts[part]
        if found is None or found.shape != shape:
            raise AdapterError(f"{path} lacks the {part} of layer {name}; copy it again")
    codes, zeros, scales = (tensors[f"{name}.{part}"] for part in wanted)
    return IntegerMatrix(settings.bits, (outputs, inputs), codes, zeros, scales)
