"""Zeros and ones on the channels of a whole decoder: the pruned model before it is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from ado_service.local_llm.disp.layer_shape import Structures

Gates = Mapping[str, Structures]
"""By name of a layer, five vectors of 0 and 1: `d`, `d`, `d`, `d_ff` and `d`."""


@contextmanager
def masked(model: PreTrainedModel, gates: Gates) -> Iterator[None]:
    """Within it the model answers as its pruned one would; gradients reach the gates."""
    hooks: list[RemovableHandle] = []
    try:
        for name, own in gates.items():
            hooks.extend(_attach(model.get_submodule(name), own))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _attach(layer: Any, own: Structures) -> list[RemovableHandle]:
    return [
        _after(layer.input_layernorm, own.attention_in),
        _after(layer.self_attn.o_proj, own.attention_out),
        _after(layer.post_attention_layernorm, own.mlp_in),
        _before(layer.mlp.down_proj, own.mlp_inner),
        _after(layer.mlp.down_proj, own.mlp_out),
    ]


def _after(module: Any, gate: Tensor) -> RemovableHandle:
    hook: RemovableHandle = module.register_forward_hook(
        lambda _module, _taken, given: given * gate.to(given)
    )
    return hook


def _before(module: Any, gate: Tensor) -> RemovableHandle:
    hook: RemovableHandle = module.register_forward_pre_hook(
        lambda _module, taken: (taken[0] * gate.to(taken[0]),)
    )
    return hook
