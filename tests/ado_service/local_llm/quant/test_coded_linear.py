"""A layer of packed codes beside an ordinary one with the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ado_service.local_llm.quant.code_book import CodeBook
from ado_service.local_llm.quant.coded_linear import CodedLinear
from ado_service.local_llm.quant.coded_matrix import encode


def pair(book: CodeBook = CodeBook.NF2, bias: bool = True) -> tuple[CodedLinear, nn.Linear]:
    """A quantized layer, and an ordinary one with its decoded weights."""
    torch.manual_seed(0)
    plain = nn.Linear(48, 20, bias=bias)
    coded = CodedLinear(encode(plain.weight, book), plain.bias)
    with torch.no_grad():
        plain.weight.copy_(coded.decoded(torch.float32))
    return coded, plain


def inputs() -> Tensor:
    return torch.randn(2, 5, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("book", list(CodeBook))
@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_what_its_decoded_weights_do(book: CodeBook, bias: bool) -> None:
    coded, plain = pair(book, bias)

    torch.testing.assert_close(coded(inputs()), plain(inputs()))
    assert (coded.in_features, coded.out_features) == (48, 20)
    assert f"book={book.value}" in repr(coded)


def test_gradients_reach_the_input_and_nothing_else() -> None:
    coded, plain = pair()
    found, expected = inputs().requires_grad_(), inputs().requires_grad_()
    coded(found).square().sum().backward()
    plain(expected).square().sum().backward()

    torch.testing.assert_close(found.grad, expected.grad)
    assert not any(parameter.requires_grad for parameter in coded.parameters())


def test_only_packed_codes_are_held() -> None:
    coded, plain = pair(bias=False)
    held = sum(one.nbytes for one in coded.buffers()) + sum(
        one.nbytes for one in coded.parameters()
    )

    levels = 4 * 4
    assert held == plain.weight.numel() // 4 + 4 * (plain.weight.numel() // 64) + levels


def test_nothing_is_kept_for_the_backward_pass() -> None:
    coded, _ = pair()
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda x: x):
        coded(inputs().requires_grad_())

    assert kept == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_narrower_model_keeps_its_scales_exact(dtype: torch.dtype) -> None:
    coded, _ = pair()
    before = coded.decoded(torch.float32)

    coded.to(dtype)

    assert torch.equal(coded.decoded(torch.float32), before)
    assert coded(inputs().to(dtype)).dtype == dtype


def test_there_is_no_weight_to_merge_into() -> None:
    coded, _ = pair()

    assert not hasattr(coded, "weight")
    assert not isinstance(coded, nn.Linear)
