"""A matrix as a quantized one plus one of low rank (LoftQ, arXiv 2310.08659, algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ado_service.local_llm.quant.code_book import CodeBook, Scaling
from ado_service.local_llm.quant.coded_matrix import CodedMatrix, encode

_TINY = 1e-30


@dataclass(frozen=True)
class Factorization:
    """M is about Q + A B^T, with M of `outputs x inputs`.

    Attributes:
        quantized: Q.
        A: `outputs x rank`. B: `inputs x rank`. Both float32, scaled alike.
        plain: ||M - q(M)|| / ||M||, what quantization alone would leave (QLoRA's start).
        errors: ||M - Q_t - A_t B_t^T|| / ||M|| of each step; the kept ones are of the least.
    """

    quantized: CodedMatrix
    A: Tensor
    B: Tensor
    plain: float
    errors: tuple[float, ...]

    @property
    def error(self) -> float:
        """Of the step that was kept."""
        return min(self.errors)


def factorize(
    M: Tensor,
    book: CodeBook,
    *,
    rank: int,
    steps: int = 5,
    scaling: Scaling = Scaling.FITTED,
) -> Factorization:
    """Quantize what the factors do not explain, and factorize what quantization leaves, in turn.

    The error need not fall with every step (at 2 bits it turns), so the best step is kept.

    Args:
        M: finite weights, `outputs x inputs`.
        book: levels of Q.
        rank: of A B^T, at most the smaller side of M.
        steps: how often, at least once; one is QLoRA's Q with a singular value decomposition.
        scaling: of the blocks of Q.
    """
    M = M.detach().float()
    size = max(M.norm().item(), _TINY)
    explained = torch.zeros_like(M)
    plain = 0.0
    errors: list[float] = []
    best: tuple[CodedMatrix, Tensor, Tensor] | None = None
    for step in range(steps):
        coded = encode(M - explained, book, scaling)
        rest = M - coded.decode(torch.float32)
        if step == 0:
            plain = rest.norm().item() / size
        A, B = top_factors(rest, rank)
        explained = A @ B.T
        error = (rest - explained).norm().item() / size
        if best is None or error < min(errors):
            best = coded, A, B
        errors.append(error)
    assert best is not None, "steps is at least 1"
    return Factorization(*best, plain, tuple(errors))


def top_factors(M: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Columns sqrt(s) u and sqrt(s) v of the largest singular values, float32.

    Singular vectors of the shorter side are eigenvectors of its Gram matrix, which in float64 are
    exact enough for float32 and take a tenth of the time of a whole decomposition.
    """
    if M.shape[0] < M.shape[1]:
        right, left = top_factors(M.T, rank)
        return left, right
    gram = M.double()
    gram = gram.T @ gram
    vectors = torch.linalg.eigh(gram).eigenvectors[:, -rank:].flip(1).float()
    scaled = M @ vectors  # columns s u
    root = scaled.norm(dim=0).clamp_min(_TINY).sqrt()
    return scaled / root, vectors * root
