"""The parameters that a pruned model may have, and the masks that just meet it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.disp.gates import Gates
from ado_service.local_llm.disp.layer_shape import LayerShape, Structures, layer_shapes
from ado_service.local_llm.errors import CompressionError


@dataclass(frozen=True, slots=True)
class Budget:
    """How many parameters the layers of a model may keep.

    Attributes:
        shapes: of its layers. original: parameters of the whole model.
        fixed: parameters that pruning does not touch: embeddings, head, norms.
        target: parameters that may be left in all other places.
    """

    shapes: Mapping[str, LayerShape]
    original: int
    fixed: int
    target: int

    @classmethod
    def of(cls, model: PreTrainedModel, keep: float) -> Self:
        """`keep` is the part of all parameters of the model that may stay.

        Raises:
            CompressionError: one channel everywhere would be more.
            UnsupportedModelError: see `layer_shapes`.
        """
        shapes, original = layer_shapes(model), count_parameters(model)
        if not 0 < keep < 1:
            raise CompressionError(
                f"keep is {keep:g}; give the part of the parameters that may stay, between 0 and 1"
            )
        whole = sum(shape.parameters(shape.whole) for shape in shapes.values())
        fixed = original - whole
        target = int(original * keep) - fixed
        least = sum(shape.parameters(Structures(1, 1, 1, 1, 1)) for shape in shapes.values())
        if target < least:
            raise CompressionError(
                f"keep is {keep:g}, and embeddings, head and norms alone are "
                f"{fixed / original:.2f} of the model's {original} parameters, which pruning does "
                f"not touch; keep more than {(fixed + least) / original:.3f}"
            )
        return cls(shapes, original, fixed, target)

    def parameters(self, widths: Mapping[str, Structures]) -> Any:
        """Parameters of the layers at these widths, numbers or tensors, without what is fixed."""
        return sum(self.shapes[name].parameters(own) for name, own in widths.items())

    def masks(self, scores: Mapping[str, Structures]) -> Gates:
        """The channels with the largest scores, as many as the budget has room for.

        One threshold holds for all channels of all layers. Every structure keeps one at least, as
        a layer of no width could not be built.
        """
        highest = torch.cat([score.max().reshape(1) for own in scores.values() for score in own])
        levels = torch.unique(torch.cat([score for own in scores.values() for score in own]))
        # At the lowest level all channels stay, past the highest one of each structure: one that
        # keeps within the budget is found between them by halving.
        low, high = -1, len(levels)
        while high - low > 1:
            middle = (low + high) // 2
            if self._left(_over(scores, levels[middle])) <= self.target:
                high = middle
            else:
                low = middle
        threshold = levels[high] if high < len(levels) else highest.max() + 1
        return _over(scores, threshold)

    def _left(self, gates: Gates) -> int:
        return int(self.parameters(widths(gates)))


def widths(gates: Gates) -> dict[str, Structures]:
    """How many channels each structure keeps, as tensors through which gradients flow."""
    return _each(gates, lambda gate: gate.sum())


def numbers(gates: Gates) -> dict[str, Structures]:
    """The same as numbers."""
    return _each(gates, lambda gate: int(gate.sum()))


def _over(scores: Mapping[str, Structures], threshold: Tensor) -> dict[str, Structures]:
    """1 where a score reaches the threshold, and at the largest score of each structure."""

    def gate(score: Tensor) -> Tensor:
        kept = score >= threshold
        kept[score.argmax()] = True
        return kept.to(torch.float32)

    return _each(scores, gate)


def _each(found: Mapping[str, Structures], change: Callable[[Any], Any]) -> dict[str, Structures]:
    return {name: Structures(*(change(one) for one in own)) for name, own in found.items()}
