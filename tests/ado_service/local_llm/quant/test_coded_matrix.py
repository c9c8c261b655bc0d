"""Rounding to code books, against bitsandbytes and against brute force."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from torch import Tensor

from ado_service.local_llm.quant.code_book import BLOCK, CodeBook, Scaling
from ado_service.local_llm.quant.coded_matrix import CodedMatrix, encode, fake_quantize

BOOKS = list(CodeBook)
BLOCKWISE = [CodeBook.NF4, CodeBook.NF2]
UNIFORM = [book for book in BOOKS if book not in BLOCKWISE]
SHAPE = (96, 128)


def gaussian(outputs: int = SHAPE[0], inputs: int = SHAPE[1], seed: int = 0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed))


def error(M: Tensor, book: CodeBook, scaling: Scaling = Scaling.ABSMAX) -> float:
    return ((fake_quantize(M, book, scaling) - M).norm() / M.norm()).item()


def test_levels_are_the_published_ones() -> None:
    assert CodeBook.NF2.levels == pytest.approx((-1, 0, 0.3379, 1), abs=5e-5)
    assert CodeBook.UNIFORM_2.levels == pytest.approx((-1, -1 / 3, 1 / 3, 1))
    for book in BOOKS:
        assert len(book.levels) == 2**book.bits
        assert list(book.levels) == sorted(book.levels)
        assert (book.levels[0], book.levels[-1]) == (-1, 1)


@pytest.mark.parametrize("shape", [SHAPE, (192, 512), (7, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nf4_is_that_of_bitsandbytes_to_the_bit(shape: tuple[int, int], dtype: torch.dtype) -> None:
    M = gaussian(*shape).to(dtype)
    codes, state = quantize_4bit(M, blocksize=BLOCK, quant_type="nf4", compress_statistics=False)

    ours = encode(M, CodeBook.NF4)

    assert torch.equal(ours.scales, state.absmax.float())
    assert torch.equal(ours.decode(dtype), dequantize_4bit(codes, state))


@pytest.mark.parametrize("book", BLOCKWISE)
def test_every_weight_of_a_block_gets_the_nearest_level(book: CodeBook) -> None:
    M = gaussian(3, 50)  # the third block is short
    flat, found = M.flatten(), fake_quantize(M, book).flatten()
    for begin in range(0, 150, BLOCK):
        block = flat[begin : begin + BLOCK]
        levels = block.abs().max() * torch.tensor(book.levels)
        nearest = levels[(block[:, None] - levels).abs().argmin(1)]
        torch.testing.assert_close(found[begin : begin + BLOCK], nearest, rtol=1e-6, atol=0)


@pytest.mark.parametrize("book", UNIFORM)
def test_every_weight_of_a_row_gets_the_nearest_of_even_levels(book: CodeBook) -> None:
    M = 3 + gaussian()
    mean, sigma = M.mean(1, keepdim=True), M.std(1, keepdim=True, correction=0)
    steps = torch.linspace(-2, 2, 2**book.bits)
    levels = mean + sigma * steps
    nearest = levels.gather(1, (M[:, :, None] - levels[:, None]).abs().argmin(2))

    torch.testing.assert_close(fake_quantize(M, book), nearest, rtol=1e-5, atol=1e-5)
    assert fake_quantize(M, book).max() <= (mean + 2 * sigma).max() + 1e-5


@pytest.mark.parametrize("book", BLOCKWISE)
def test_fitted_scales_are_never_worse_in_any_block(book: CodeBook) -> None:
    M = gaussian()
    errors = {
        scaling: (fake_quantize(M, book, scaling) - M).view(-1, BLOCK).norm(dim=1)
        for scaling in Scaling
    }

    assert (errors[Scaling.FITTED] <= errors[Scaling.ABSMAX] * (1 + 1e-6)).all()
    assert errors[Scaling.FITTED].mean() < 0.95 * errors[Scaling.ABSMAX].mean()


def test_gaussian_weights_lose_what_is_known_that_they_lose() -> None:
    M = gaussian(384, 384)

    assert error(M, CodeBook.NF4) == pytest.approx(0.0917, abs=0.0007)
    assert error(M, CodeBook.NF2) == pytest.approx(0.560, abs=0.005)
    assert error(M, CodeBook.NF2, Scaling.FITTED) < 0.38
    assert error(M, CodeBook.UNIFORM_4) < error(M, CodeBook.UNIFORM_3) < 0.2
    assert error(M, CodeBook.UNIFORM_2) < 0.4


@pytest.mark.parametrize("book", BOOKS)
def test_what_is_stored_takes_the_bits_that_it_says(book: CodeBook) -> None:
    M = gaussian(128, 256)
    matrix = encode(M, book)
    scales = M.numel() // BLOCK if book.in_blocks else 2 * 128

    assert matrix.nbytes == M.numel() * book.bits // 8 + 4 * scales


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("scaling", list(Scaling))
def test_constant_weights_are_no_trouble(book: CodeBook, scaling: Scaling) -> None:
    for value in (0.0, 0.25):
        M = torch.full((4, 64), value)
        found = fake_quantize(M, book, scaling)
        torch.testing.assert_close(found, M, rtol=1e-6, atol=0)


@pytest.mark.parametrize("book", BOOKS)
def test_parts_make_the_matrix_again(book: CodeBook) -> None:
    made = encode(gaussian(5, 30), book)
    again = CodedMatrix.of_parts(book, made.shape, made.codes, made.scales, made.offsets)

    assert torch.equal(again.decode(torch.float32), made.decode(torch.float32))
    with pytest.raises(ValueError, match="are not those of 5 x 31 weights"):
        CodedMatrix.of_parts(book, (5, 31), made.codes, made.scales[:-1], made.offsets)
