"""Tiny vision transformers, with random weights or trained on scikit-learn's digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional
from transformers import AutoConfig, PreTrainedModel
from transformers.models.deit.modeling_deit import DeiTForImageClassification
from transformers.models.vit.modeling_vit import ViTForImageClassification

SIZE = 8
_CLASSES = {"deit": DeiTForImageClassification, "vit": ViTForImageClassification}
_SETTINGS = {
    "image_size": SIZE,
    "patch_size": 4,
    "num_channels": 1,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "num_labels": 10,
}


def make_vit(family: str = "vit", *, seed: int = 0, **changes: int) -> PreTrainedModel:
    """A random classifier of a family, "vit" or "deit", in evaluation mode."""
    config = AutoConfig.for_model(family, **{**_SETTINGS, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _CLASSES[family](config)
    return model.eval()


def images(count: int = 16, *, seed: int = 0) -> dict[str, Tensor]:
    """A batch of noise."""
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn(count, 1, SIZE, SIZE, generator=generator)}


@dataclass(frozen=True)
class Digits:
    """Images, `n x 1 x 8 x 8`, of about unit size, and their labels; some are never trained on."""

    shown: Tensor
    labels: Tensor
    held: Tensor
    held_labels: Tensor


def digits() -> Digits:
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    X = torch.tensor(found.images[order], dtype=torch.float32).unsqueeze(1) / 6 - 1.3
    y = torch.tensor(found.target[order])
    return Digits(X[:1297], y[:1297], X[1297:], y[1297:])


@cache
def trained_vit() -> PreTrainedModel:
    """One that has learned the digits, some 95 % of them; leave it as it is."""
    data, model = digits(), make_vit()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        for rows in torch.randperm(len(data.shown), generator=generator).split(64):
            logits = model(pixel_values=data.shown[rows]).logits
            optimizer.zero_grad()
            functional.cross_entropy(logits, data.labels[rows]).backward()
            optimizer.step()
    return model.requires_grad_(False)


@torch.no_grad()
def accuracy(model: PreTrainedModel) -> float:
    """On the digits that were not trained on."""
    data = digits()
    found = model(pixel_values=data.held).logits.argmax(1)
    return float((found == data.held_labels).float().mean())
