"""Pruning without learning, of as many parameters: the peers of DISP-LLM.

All score channels by what they weigh, and cut the same five selections of a layer as DISP-LLM does,
but for `unstructured`, which sets single weights to zero and makes nothing smaller.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration, tap
from ado_service.local_llm.disp.budget import Budget, numbers
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.gates import Gates
from ado_service.local_llm.disp.layer_shape import Structures
from ado_service.local_llm.transformer_blocks import linear_layers

Scores = Mapping[str, Structures]


def by_magnitude(model: PreTrainedModel, budget: Budget) -> list[PreTrainedModel]:
    """One threshold for all channels: on their norms, and on their norms over the structure's mean.

    The second keeps a structure from going altogether as its weights are small in general.
    """
    norms = magnitudes(model, budget)
    leveled = _each(norms, lambda score: score / score.mean())
    return [DispModel.prune(model, budget.masks(scores)).model for scores in (norms, leveled)]


def of_uniform_width(
    model: PreTrainedModel, budget: Budget, calibration: Calibration
) -> list[PreTrainedModel]:
    """Each structure of each layer keeps the same part: by norms, or norms times activations."""
    norms = magnitudes(model, budget)
    sizes = activations(model, budget, calibration)
    weighted = {
        name: Structures(*(norm * size for norm, size in zip(own, sizes[name], strict=True)))
        for name, own in norms.items()
    }
    return [
        DispModel.prune(model, uniform_masks(budget, scores)).model for scores in (norms, weighted)
    ]


def uniform_masks(budget: Budget, scores: Scores) -> Gates:
    """The best channels of each structure, the largest part of all structures that fits."""

    def masks(share: float) -> Gates:
        return _each(scores, lambda score: _best(score, max(1, int(share * len(score)))))

    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        fits = budget.parameters(numbers(masks(middle))) <= budget.target
        low, high = (middle, high) if fits else (low, middle)
    return masks(low)


def unstructured(model: PreTrainedModel, budget: Budget) -> PreTrainedModel:
    """Each matrix in the layers loses the same part of its weights, the smallest ones."""
    whole = sum(shape.parameters(shape.whole) for shape in budget.shapes.values())
    share = budget.target / whole
    made = copy.deepcopy(model)
    for layer in linear_layers(made).values():
        weight = layer.weight.data
        kept = int(share * weight.numel())
        threshold = weight.abs().flatten().kthvalue(weight.numel() - kept).values
        weight[weight.abs() <= threshold] = 0.0
    return made


def magnitudes(model: PreTrainedModel, budget: Budget) -> Scores:
    """Norm of all weights that a channel brings with it."""
    found = {}
    for name in budget.shapes:
        layer: Any = model.get_submodule(name)
        attention, mlp = layer.self_attn, layer.mlp
        queries = (attention.q_proj, attention.k_proj, attention.v_proj)
        gated = (mlp.gate_proj, mlp.up_proj)
        found[name] = Structures(
            _norm(inputs=queries),
            _norm(outputs=(attention.o_proj,)),
            _norm(inputs=gated),
            _norm(outputs=gated, inputs=(mlp.down_proj,)),
            _norm(outputs=(mlp.down_proj,)),
        )
    return found


def activations(model: PreTrainedModel, budget: Budget, calibration: Calibration) -> Scores:
    """Root mean square of what each channel carries on the calibration data."""
    ends = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj")
    wanted = [f"{name}.{end}" for name in budget.shapes for end in ends]
    sums: dict[tuple[str, str], Tensor] = {}
    for batch in calibration:
        for name, tapped in tap(model, wanted, batch).items():
            for side, values in (("in", tapped.inputs), ("out", tapped.outputs)):
                sums[name, side] = sums.get((name, side), 0.0) + values.square().mean(0)
    picked = ((0, "in"), (1, "out"), (2, "in"), (3, "in"), (3, "out"))
    return {
        name: Structures(*(sums[f"{name}.{ends[end]}", side].sqrt() for end, side in picked))
        for name in budget.shapes
    }


def _norm(*, inputs: tuple[nn.Linear, ...] = (), outputs: tuple[nn.Linear, ...] = ()) -> Tensor:
    squares = [layer.weight.square().sum(0) for layer in inputs]
    squares += [layer.weight.square().sum(1) for layer in outputs]
    return torch.stack(squares).sum(0).sqrt()


def _best(score: Tensor, count: int) -> Tensor:
    gate = torch.zeros_like(score)
    gate[score.topk(count).indices] = 1.0
    return gate


def _each(scores: Scores, change: Callable[[Tensor], Tensor]) -> dict[str, Structures]:
    return {name: Structures(*map(change, own)) for name, own in scores.items()}
