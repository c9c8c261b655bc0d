"""What a step takes by shape alone: fake tensors, so that LLaMA-2 70B fits on any machine.

Frozen linear layers stand for NF4 ones: they save nothing for the backward pass either, and the
flop counter sees them, which it does not see in bitsandbytes' own kernels. What unpacking 4-bit
weights takes is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel, masking_utils

from benchmarks.local_llm_runs.base_model import is_quantizable, random_base
from benchmarks.local_llm_runs.configuration import Configuration
from benchmarks.local_llm_runs.flops import FlopCounter
from benchmarks.local_llm_runs.saved import SavedBytes
from benchmarks.local_llm_runs.shapes import Shape
from benchmarks.local_llm_runs.tunee import Tunee, tunee

NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
"""A weight in NF4 with double quantization (QLoRA, arXiv 2305.14314, section 3)."""

_FEW = (2, 3)
_PACKED = "find_packed_sequence_indices"
"""The library cannot see in fake positions that a row is one text, and would mask for several."""


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes and operations of one step.

    Attributes:
        weights: bytes of all weights, the trained ones included.
        optimizer: bytes of gradients and of AdamW's two moments, in the type of the weights.
        saved: bytes saved for the backward pass.
        trained: number of trained parameters.
        flops: floating point operations of forward and backward pass.
    """

    weights: int
    optimizer: int
    saved: int
    trained: int
    flops: int

    @property
    def total(self) -> int:
        """Bytes of all three."""
        return self.weights + self.optimizer + self.saved


def account(shape: Shape, configuration: Configuration, *, batch: int, length: int) -> Account:
    """The account of a step on `batch x length` tokens in bfloat16; allocates none of it.

    Each layer adds the same, so that two small numbers of layers tell that of any.
    """
    few, more = (
        account_of_all(replace(shape, layers=layers), configuration, batch=batch, length=length)
        for layers in _FEW
    )
    times = (shape.layers - _FEW[0]) / (_FEW[1] - _FEW[0])
    first, second = asdict(few), asdict(more)
    found = {name: first[name] + times * (second[name] - first[name]) for name in first}
    return Account(**{name: round(value) for name, value in found.items()})


def account_of_all(
    shape: Shape, configuration: Configuration, *, batch: int, length: int,
    dtype: torch.dtype = torch.bfloat16,
) -> Account:  # fmt: skip
    """The same with each layer gone through."""
    with torch.device("meta"):
        base = random_base(shape, nf4=False, dtype=dtype, device="meta")
        frozen = _held_bytes(base, nf4=configuration.nf4)
        made = tunee(base, configuration, dtype=dtype)
    with FakeTensorMode(), patch.object(masking_utils, _PACKED, lambda _: None):
        made = _faked(made)
        saved, flops = _step(made, torch.zeros(batch, length, dtype=torch.long))
    added = sum(one.nbytes for one in made.trainable)
    return Account(
        weights=frozen if made.head_trained else frozen + added,
        optimizer=3 * added,
        saved=saved,
        trained=sum(one.numel() for one in made.trainable),
        flops=flops,
    )


def _faked(made: Tunee) -> Tunee:
    """The same on a pretended CPU, whose attention saves what a GPU's does; meta's saves more."""
    for module in made.model.modules():
        for name, one in list(module.named_parameters(recurse=False)):
            fake = nn.Parameter(torch.empty(one.shape, dtype=one.dtype), one.requires_grad)
            setattr(module, name, fake)
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    trainable = tuple(one for one in made.model.parameters() if one.requires_grad)
    return replace(made, trainable=trainable)


def _step(made: Tunee, ids: Tensor) -> tuple[int, int]:
    """Bytes saved and operations."""
    alive = chain(made.model.parameters(), made.model.buffers())
    with _EveryTokenCounts(), FlopCounter() as counter:
        with SavedBytes(alive) as saved:
            loss = made.loss(ids)
        size = saved.total()
        loss.backward()  # type: ignore[no-untyped-call]
    return size, counter.total


def _held_bytes(model: PreTrainedModel, *, nf4: bool) -> int:
    """Bytes of the weights, NF4 ones counted as such."""
    quantized = sum(
        child.weight.numel()
        for module in model.modules()
        for name, child in module.named_children()
        if nf4 and is_quantizable(name, child) and isinstance(child, nn.Linear)
    )
    total = sum(one.numel() for one in model.parameters())
    return int(quantized * NF4_BITS / 8) + (total - quantized) * model.dtype.itemsize


class _EveryTokenCounts(TorchFunctionMode):
    """Answers `states[mask]` as for a mask of ones: fake tensors have no values to select by."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if (
            func is Tensor.__getitem__
            and isinstance(args[1], Tensor)
            and args[1].dtype == torch.bool
        ):
            return args[0].flatten(0, args[1].ndim - 1)
        return func(*args, **(kwargs or {}))
