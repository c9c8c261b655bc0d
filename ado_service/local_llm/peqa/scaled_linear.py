"""A linear layer with integer weights, of which the scales can be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ado_service.local_llm.peqa.integer_matrix import IntegerMatrix, integers
from ado_service.local_llm.peqa.scaled_product import scaled_product
from ado_service.local_llm.quant.quantized_linear import QuantizedLinear


class ScaledLinear(QuantizedLinear):
    """Weights (scales + delta) (codes - zeros); `delta`, zero at first, is what is trained.

    `scales` and `delta` are float32, `outputs x groups`.
    """

    codes: Tensor
    zeros: Tensor
    scales: Tensor

    def __init__(self, matrix: IntegerMatrix, bias: Tensor | None) -> None:
        """Make a layer of a matrix and the bias of the layer that it replaces."""
        super().__init__(matrix.shape, bias)
        self.bits = matrix.bits
        self.register_buffer("codes", matrix.codes)
        self.register_buffer("zeros", matrix.zeros)
        self.register_buffer("scales", matrix.scales)
        self.delta = nn.Parameter(torch.zeros_like(matrix.scales))

    @property
    def matrix(self) -> IntegerMatrix:
        """What it holds, with the scales that it has now."""
        shape = (self.out_features, self.in_features)
        with torch.no_grad():
            scales = self.scales + self.delta
        return IntegerMatrix(self.bits, shape, self.codes, self.zeros, scales)

    def integers(self) -> Tensor:
        """`outputs x groups x inputs of a group`, float32; no training changes them."""
        return integers(self.codes, self.zeros, self.bits, (self.out_features, self.in_features))

    def decoded(self, dtype: torch.dtype) -> Tensor:
        """The weights, `outputs x inputs`."""
        return self.matrix.decode(dtype)

    def forward(self, X: Tensor) -> Tensor:
        """`... x inputs` to `... x outputs`, in the type of the input."""
        product = scaled_product(X, self.scales + self.delta, self)
        return product if self.bias is None else product + self.bias.to(product.dtype)

    @torch.no_grad()
    def merge(self) -> None:
        """Make the change of the scales part of them: the same weights to the bit, and integer."""
        self.scales.add_(self.delta)
        self.delta.zero_()

    def extra_repr(self) -> str:
        """Sizes, bits and groups, for printing."""
        return f"{super().extra_repr()}, bits={self.bits}, groups={self.scales.shape[1]}"
