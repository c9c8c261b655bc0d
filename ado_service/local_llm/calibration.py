"""Batches that a compression measures activations on, and what layers see of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.transformer_blocks import is_vision

Batch = Mapping[str, Tensor]
"""Inputs of a model by name: `pixel_values`, or `input_ids` and perhaps `attention_mask`."""

Calibration = Sequence[Batch]


def check_calibration(calibration: Calibration) -> None:
    """Refuse batches that hold nothing.

    Raises:
        CompressionError: there is no batch, or one without rows or of padding alone.
    """
    if not calibration:
        raise CompressionError("there is no calibration batch; give at least one")
    for place, batch in enumerate(calibration):
        if not batch or any(len(value) == 0 for value in batch.values()):
            raise CompressionError(
                f"calibration batch {place} is empty; leave it out, or give it inputs"
            )
        if "attention_mask" in batch and not bool(batch["attention_mask"].any()):
            raise CompressionError(
                f"calibration batch {place} is nothing but padding; leave it out"
            )


@dataclass(frozen=True, slots=True)
class Tapped:
    """What one layer took and gave in a pass: `rows x d_in` and `rows x d_out`.

    A row is a token, or a patch of an image; padding is left out.
    """

    inputs: Tensor
    outputs: Tensor


class _Done(Exception):  # noqa: N818 - the way out of a pass, no error
    """All layers that were asked for have been seen."""


@torch.no_grad()
def tap(model: PreTrainedModel, names: Collection[str], batch: Batch) -> dict[str, Tapped]:
    """Run one batch up to the last of the named layers: what each took and gave, in call order.

    Raises:
        CompressionError: an activation is not finite.
    """
    found: dict[str, Tapped] = {}
    mask = batch.get("attention_mask")
    hooks = [
        model.get_submodule(name).register_forward_hook(partial(_keep, name, mask, found, names))
        for name in names
    ]
    try:
        run(model, batch)
    except _Done:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return found


def run(model: PreTrainedModel, batch: Batch) -> Any:
    """One pass of the model over a batch, on the model's device, without a cache."""
    inputs = {name: value.to(model.device) for name, value in batch.items()}
    forward: Callable[..., Any] = model
    return forward(**inputs) if is_vision(model) else forward(**inputs, use_cache=False)


def _keep(
    name: str, mask: Tensor | None, found: dict[str, Tapped], names: Collection[str],
    _module: nn.Module, taken: tuple[Tensor, ...], given: Tensor,
) -> None:  # fmt: skip
    inputs, outputs = taken[0].flatten(0, -2), given.flatten(0, -2)
    if mask is not None and mask.numel() == len(inputs):
        real = mask.flatten().to(inputs.device, torch.bool)
        inputs, outputs = inputs[real], outputs[real]
    if not bool(torch.isfinite(outputs).all()):
        raise CompressionError(
            f"{name} gives values that are not finite on the calibration data; look for broken "
            "weights or inputs, or load the model in float32"
        )
    found[name] = Tapped(inputs, outputs)
    if len(found) == len(names):
        raise _Done
