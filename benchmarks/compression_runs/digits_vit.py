"""A vision transformer trained on scikit-learn's digits (1797 images of 8 x 8 pixels)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, ViTConfig
from transformers.models.vit.modeling_vit import ViTForImageClassification

from ado_service.local_llm.calibration import Batch

_SIZE, _CLASSES = 8, 10
_HELD = 500
_MIDDLE, _SPREAD = 4.88, 6.02  # of the pixels, 0 to 16


@dataclass(frozen=True, slots=True)
class VitPlan:
    """How large the transformer is, and how long it is trained.

    Attributes:
        width: of the hidden states; the feed-forward blocks are four times as wide.
        layers, heads: how many. patch: pixels on a side.
        epochs: over the training images, in batches of `batch`.
        rate: largest learning rate of AdamW.
    """

    width: int
    layers: int
    heads: int
    patch: int
    epochs: int
    batch: int
    rate: float


@dataclass(frozen=True, slots=True)
class Split:
    """Images, `n x 1 x 8 x 8`, standardised, with their digits; `held` is never trained on."""

    shown: Tensor
    shown_labels: Tensor
    held: Tensor
    held_labels: Tensor

    def calibration(self, size: int) -> Sequence[Batch]:
        """The images that were trained on, in batches."""
        return [{"pixel_values": piece} for piece in self.shown.split(size)]  # type: ignore[no-untyped-call]


def split(seed: int) -> Split:
    """The images in an order that the seed decides, 500 of them held out."""
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    pixels = torch.tensor(found.images[order], dtype=torch.float32).unsqueeze(1)
    images, labels = (pixels - _MIDDLE) / _SPREAD, torch.tensor(found.target[order])
    return Split(images[_HELD:], labels[_HELD:], images[:_HELD], labels[:_HELD])


def trained(plan: VitPlan, data: Split, seed: int) -> PreTrainedModel:
    """A classifier trained on the shown images, in evaluation mode, frozen."""
    torch.manual_seed(seed)
    model: PreTrainedModel = ViTForImageClassification(_config(plan))
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=0.05)
    each = len(data.shown) // plan.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.rate, total_steps=plan.epochs * each
    )
    model.train(True)
    for _ in range(plan.epochs):
        for rows in torch.randperm(len(data.shown)).split(plan.batch)[:each]:  # type: ignore[no-untyped-call]
            logits = logits_of(model, data.shown[rows])
            loss = functional.cross_entropy(logits, data.shown_labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    model.train(False)
    return model.requires_grad_(False)


def logits_of(model: PreTrainedModel, images: Tensor) -> Tensor:
    """`n x 10`."""
    found: Tensor = model(pixel_values=images).logits
    return found


def accuracy(model: PreTrainedModel, data: Split) -> float:
    """Percent of the held-out images that are told right."""
    with torch.no_grad():
        told = logits_of(model, data.held).argmax(1)
    return 100.0 * float((told == data.held_labels).float().mean())


def _config(plan: VitPlan) -> ViTConfig:
    return ViTConfig(
        image_size=_SIZE,
        patch_size=plan.patch,
        num_channels=1,
        hidden_size=plan.width,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        intermediate_size=4 * plan.width,
        id2label={digit: str(digit) for digit in range(_CLASSES)},
    )
