"""A linear layer whose weights are packed codes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ado_service.local_llm.quant.coded_matrix import CodedMatrix
from ado_service.local_llm.quant.quantized_linear import QuantizedLinear


class CodedLinear(QuantizedLinear):
    """Holds codes and scales, and decodes them in each pass; gradients go to its input alone."""

    codes: Tensor
    scales: Tensor
    offsets: Tensor | None
    levels: Tensor

    def __init__(self, matrix: CodedMatrix, bias: Tensor | None) -> None:
        """Make a layer of a matrix and the bias of the layer that it replaces."""
        super().__init__(matrix.shape, bias)
        self.book = matrix.book
        self.register_buffer("codes", matrix.codes)
        self.register_buffer("scales", matrix.scales)
        self.register_buffer("offsets", matrix.offsets)
        self.register_buffer("levels", matrix.levels, persistent=False)

    @property
    def matrix(self) -> CodedMatrix:
        """What it holds."""
        shape = (self.out_features, self.in_features)
        return CodedMatrix(self.book, shape, self.codes, self.scales, self.offsets, self.levels)

    @property
    def qweight(self) -> Tensor:
        """The codes, under the name by which peft asks where a layer lies that has no weight."""
        return self.codes

    def decoded(self, dtype: torch.dtype) -> Tensor:
        """The weights, `outputs x inputs`."""
        return self.matrix.decode(dtype)

    def forward(self, X: Tensor) -> Tensor:
        """`... x inputs` to `... x outputs`, in the type of the input."""
        product: Tensor = _FrozenProduct.apply(X, self)  # type: ignore[no-untyped-call]
        return product if self.bias is None else product + self.bias.to(product.dtype)

    def extra_repr(self) -> str:
        """Sizes and code book, for printing."""
        return f"{super().extra_repr()}, book={self.book.value}"


class _FrozenProduct(torch.autograd.Function):
    """X W^T, which decodes W once more in the backward pass instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, layer: CodedLinear) -> Tensor:
        ctx.layer = layer
        return functional.linear(X, layer.decoded(X.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, None]:
        return G @ ctx.layer.decoded(G.dtype), None
