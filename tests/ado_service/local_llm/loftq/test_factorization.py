"""The alternation on Gaussian weights, against the published trend and the exact decomposition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.loftq.factorization import factorize, top_factors
from ado_service.local_llm.loftq.settings import LoftQSettings
from ado_service.local_llm.quant.code_book import CodeBook, Scaling


def gaussian(outputs: int = 384, inputs: int = 384, seed: int = 0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("book", "plain", "best"), [(CodeBook.NF4, 0.0917, 0.072), (CodeBook.NF2, 0.560, 0.444)]
)
def test_errors_are_the_published_ones(
    book: CodeBook, plain: float, best: float, seed: int
) -> None:
    found = factorize(gaussian(seed=seed), book, rank=32, scaling=Scaling.ABSMAX)

    assert found.plain == pytest.approx(plain, rel=0.01)
    assert found.error <= best


@pytest.mark.parametrize(
    ("book", "best"), [(CodeBook.NF4, 0.068), (CodeBook.NF2, 0.30), (CodeBook.UNIFORM_2, 0.33)]
)
def test_fitted_scales_go_far_below_them_on_a_larger_matrix(book: CodeBook, best: float) -> None:
    assert factorize(gaussian(512, 512), book, rank=32).error < best


def test_the_best_step_is_kept_where_the_error_turns() -> None:
    """At 2 bits with published scales: the error falls, then rises."""
    M = gaussian(256, 256)
    found = factorize(M, CodeBook.NF2, rank=32, steps=8, scaling=Scaling.ABSMAX)
    rest = M - found.quantized.decode(torch.float32) - found.A @ found.B.T

    assert found.errors[-1] > 1.02 * found.error
    assert (rest.norm() / M.norm()).item() == pytest.approx(found.error, rel=1e-5)


def test_one_step_is_a_decomposition_of_what_quantization_leaves() -> None:
    M = gaussian(60, 100)
    found = factorize(M, CodeBook.NF4, rank=8, steps=1)
    rest = M - found.quantized.decode(torch.float32)

    expected = torch.linalg.svdvals(rest)[8:].norm() / M.norm()
    assert found.errors == (pytest.approx(expected.item(), rel=1e-4),)
    assert found.plain == pytest.approx((rest.norm() / M.norm()).item(), rel=1e-5)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (50, 50)])
def test_top_factors_are_those_of_the_exact_decomposition(shape: tuple[int, int]) -> None:
    M = gaussian(*shape)
    A, B = top_factors(M, 6)
    U, S, V = torch.linalg.svd(M.double(), full_matrices=False)  # noqa: N806

    best = (U[:, :6] * S[:6]) @ V[:6]
    torch.testing.assert_close(A @ B.T, best.float(), rtol=1e-4, atol=1e-4)
    # Scaled alike: the norms of columns are the roots of the singular values.
    for factor in (A, B):
        torch.testing.assert_close(factor.norm(dim=0), S[:6].sqrt().float())


def test_a_matrix_of_less_rank_has_finite_factors() -> None:
    A, B = top_factors(torch.outer(torch.arange(5.0), torch.ones(7)), 3)
    zero = factorize(torch.zeros(8, 64), CodeBook.NF2, rank=2)

    torch.testing.assert_close(A @ B.T, torch.outer(torch.arange(5.0), torch.ones(7)))
    assert zero.error == 0
    assert torch.isfinite(zero.A).all()


def test_weights_in_bfloat16_are_computed_in_float32() -> None:
    M = gaussian(64, 64).bfloat16()

    assert factorize(M, CodeBook.NF4, rank=4).error == pytest.approx(
        factorize(M.float(), CodeBook.NF4, rank=4).error
    )


def test_impossible_settings_are_refused() -> None:
    for wrong in ({"rank": 0}, {"steps": 0}, {"first_layers": -1}):
        with pytest.raises(UnsupportedModelError, match="rank and steps are at least 1"):
            LoftQSettings(**wrong)  # type: ignore[arg-type]


def test_the_first_layers_have_a_book_of_their_own() -> None:
    mixed = LoftQSettings(book=CodeBook.NF2, first_layers=2, first_book=CodeBook.NF4)
    books = [mixed.book_of(number) for number in (None, 0, 1, 2, 9)]

    assert books == [CodeBook.NF4] * 3 + [CodeBook.NF2] * 2
    assert LoftQSettings(book=CodeBook.NF2).book_of(None) is CodeBook.NF2
