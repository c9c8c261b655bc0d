"""The peer of mixed-rank compression: truncated SVD of the weights, every layer cut alike."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.mixed_rank.factorized_linear import factorize
from ado_service.local_llm.transformer_blocks import linear_layers


def plain_svd(model: PreTrainedModel, parameters: int) -> PreTrainedModel:
    """A copy with at most `parameters`, each layer keeping the same part of its weights.

    What rounding leaves over goes to the layers with the largest singular value cut.
    """
    layers = linear_layers(model)
    ranks = _ranks(layers, parameters - count_parameters(model))
    made = copy.deepcopy(model)
    for name, rank in ranks.items():
        left, sizes, right = torch.linalg.svd(layers[name].weight.detach(), full_matrices=False)
        layer = factorize(made, name, rank)
        layer.fill(sizes[:rank, None] * right[:rank], left[:, :rank], layers[name].bias)
        layer.requires_grad_(False)
    return made


def _ranks(layers: Mapping[str, nn.Linear], change: int) -> dict[str, int]:
    whole = sum(layer.weight.numel() for layer in layers.values())
    share = (whole + change) / whole
    costs = {name: layer.in_features + layer.out_features for name, layer in layers.items()}
    ranks = {
        name: max(1, int(share * layer.weight.numel() / costs[name]))
        for name, layer in layers.items()
    }
    left = whole + change - sum(costs[name] * rank for name, rank in ranks.items())
    sizes = {name: torch.linalg.svdvals(layer.weight.detach()) for name, layer in layers.items()}
    for name in sorted(ranks, key=lambda name: -float(sizes[name][ranks[name]])):
        if costs[name] <= left:
            ranks[name] += 1
            left -= costs[name]
    return ranks
