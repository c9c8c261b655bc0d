"""Floating point operations of whatever runs, by the shapes of matrix products and attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import (
    flop_registry,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)


class FlopCounter(TorchDispatchMode):
    """The counts of the library's `FlopCounterMode`, with two differences.

    It does not follow modules, which would forbid the gradient that the chunked loss takes in the
    forward pass; and it knows the attention of a CPU. Like the library's it counts causal
    attention as full.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        formula = _CPU_ATTENTION.get(func) or flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=found)
        return found


def _forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


def _backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    count = sdpa_backward_flop_count(  # type: ignore[no-untyped-call]
        gradient.shape, query.shape, key.shape, value.shape
    )
    return int(count)


_FLASH = "_scaled_dot_product_flash_attention_for_cpu"
_CPU_ATTENTION: dict[Any, Callable[..., int]] = {
    getattr(torch.ops.aten, _FLASH).default: _forward,
    getattr(torch.ops.aten, f"{_FLASH}_backward").default: _backward,
}
