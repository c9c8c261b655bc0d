"""Bytes that autograd keeps from the forward pass for the backward pass."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class _Held:
    """A saved tensor; autograd lets go of this when it lets go of what it saved."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class SavedBytes:
    """Counts what operations inside the block save and what is still held when it is asked.

    A storage counts once, however many views of it are saved; parameters and buffers, which live
    anyway, do not count. Works on real and on fake tensors.
    """

    def __init__(self, alive: Iterable[Tensor]) -> None:
        """`alive` are the tensors that do not count."""
        self._alive = {_storage(tensor) for tensor in alive}
        self._saved: list[weakref.ref[_Held]] = []
        self._hooks = saved_tensors_hooks(self._pack, lambda held: held.tensor)

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hooks.__exit__(kind, error, trace)

    def total(self) -> int:
        """Bytes; to be asked before the backward pass frees them."""
        sizes: dict[int, int] = {}
        for reference in self._saved:
            held = reference()
            if held is not None and _storage(held.tensor) not in self._alive:
                sizes[_storage(held.tensor)] = held.tensor.untyped_storage().nbytes()
        return sum(sizes.values())

    def _pack(self, tensor: Tensor) -> _Held:
        held = _Held(tensor.detach())  # its history would hold this very object in turn
        self._saved.append(weakref.ref(held))
        return held


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
