"""A backbone with integer weights, on which tasks are scales."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor, nn

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.errors import AdapterError, UnsupportedModelError
from ado_service.local_llm.peqa.integer_matrix import IntegerMatrix, round_to_nearest
from ado_service.local_llm.peqa.scaled_linear import ScaledLinear
from ado_service.local_llm.peqa.settings import PEQASettings
from ado_service.local_llm.quant.carded_file import bytes_of
from ado_service.local_llm.quant.layers import (
    check_finite,
    check_unquantized,
    linear_layers,
    replace_layer,
)

_SAMPLE_BYTES = 4096

Scales = Mapping[str, Tensor]
"""By layer, the change of its scales: float32, `outputs x groups`."""


class ScaledBackbone:
    """A backbone whose linear layers are `ScaledLinear`; all else in it is frozen.

    Several threads may use it if each takes `lock` for as long as its task has to stay.
    """

    def __init__(
        self, backbone: Backbone, settings: PEQASettings, layers: Mapping[str, ScaledLinear]
    ) -> None:
        """Take a backbone that has these layers; see `quantize`."""
        self.backbone = backbone
        self.settings = settings
        self.layers = layers
        self.lock = threading.Lock()
        self.fingerprint = self._fingerprint()

    @classmethod
    def quantize(
        cls,
        backbone: Backbone,
        settings: PEQASettings,
        told: Callable[[str], object] = lambda _name: None,
    ) -> Self:
        """Round the weights of a loaded model in place; the same integers on every machine.

        Args:
            backbone: loaded unquantized.
            settings: what is chosen.
            told: called with the name of each layer that is done.

        Raises:
            UnsupportedModelError: the backbone is quantized already, or groups do not divide a
                layer; nothing is changed then.
            WeightsError: weights that are no finite numbers.
        """
        check_unquantized(backbone, "PEQA")
        found = linear_layers(backbone.model)
        for name, layer in found.items():
            _check_groups(name, layer, settings)
            check_finite(name, layer)
        layers = {}
        for name in list(found):
            layer = found.pop(name)  # so that its weights go as soon as they are rounded
            layers[name] = _replaced(
                backbone, name, round_to_nearest(layer.weight, settings), layer.bias
            )
            told(name)
        return cls(backbone, settings, layers)

    @classmethod
    def of_matrices(
        cls, backbone: Backbone, settings: PEQASettings, matrices: Mapping[str, IntegerMatrix]
    ) -> Self:
        """The same of integers that are known already, in place.

        Raises:
            UnsupportedModelError: the backbone is quantized already.
        """
        check_unquantized(backbone, "PEQA")
        biases = {name: layer.bias for name, layer in linear_layers(backbone.model).items()}
        layers = {
            name: _replaced(backbone, name, matrix, biases[name])
            for name, matrix in matrices.items()
        }
        return cls(backbone, settings, layers)

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by name in the backbone's model."""
        return {f"{name}.delta": layer.delta for name, layer in self.layers.items()}

    def task(self) -> dict[str, Tensor]:
        """A copy of the change of the scales."""
        return {name: layer.delta.detach().clone() for name, layer in self.layers.items()}

    @torch.no_grad()
    def switch(self, task: Scales | None) -> None:
        """Change the task by copying its scales; None for the backbone's own. Nothing is loaded.

        Raises:
            AdapterError: the task is of a backbone with other layers; nothing is changed.
        """
        for name, layer in self.layers.items():
            if task is not None and (name not in task or task[name].shape != layer.delta.shape):
                raise AdapterError(
                    f"the scales do not suit layer {name}, which has {tuple(layer.delta.shape)}; "
                    "switch to a task of this backbone"
                )
        for name, layer in self.layers.items():
            if task is None:
                layer.delta.zero_()
            else:
                layer.delta.copy_(task[name])

    def merge(self) -> None:
        """Make the present task the backbone's own, exactly; the weights stay integers.

        Tasks that were trained before suit it no more, and its fingerprint is another.
        """
        for layer in self.layers.values():
            layer.merge()
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        """SHA-256 of all zeros and scales, and of the first codes of each layer."""
        digest = hashlib.sha256(f"{self.settings}".encode())
        for name, layer in self.layers.items():
            digest.update(name.encode())
            for part in (layer.codes[:_SAMPLE_BYTES], layer.zeros, layer.scales):
                digest.update(bytes_of(part))
        return digest.hexdigest()


def _check_groups(name: str, layer: nn.Linear, settings: PEQASettings) -> None:
    try:
        settings.groups(layer.in_features)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"layer {name}: {error}") from error


def _replaced(
    backbone: Backbone, name: str, matrix: IntegerMatrix, bias: Tensor | None
) -> ScaledLinear:
    layer = ScaledLinear(matrix, bias).to(backbone.device)
    replace_layer(backbone.model, name, layer)
    return layer
