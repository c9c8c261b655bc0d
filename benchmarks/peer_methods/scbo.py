"""SCBO (Eriksson and Poloczek, AISTATS 2021): TuRBO with the specs as modelled constraints.

Written from the paper on BoTorch's constrained sampling. The objective goes through a Gaussian
copula, the constraints through the bilog transform; a Thompson sample picks the best FOM among
candidates that meet all constraints in it, or else the smallest total violation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from botorch.generation.sampling import ConstrainedMaxPosteriorSampling
from botorch.models.model_list_gp_regression import ModelListGP
from gpytorch.settings import max_cholesky_size
from scipy.stats import norm, rankdata
from torch import Tensor

from benchmarks.peer_methods.local_gp import local_gp
from benchmarks.peer_methods.protocol import Task, Trial, pessimistic
from benchmarks.peer_methods.trust_region import Score, TrustRegionMethod, candidates, points

_CANDIDATES = 2_000
"""As in BoTorch's tutorial of SCBO; the paper takes min(5000, max(2000, 200 d)), up to 3,800 here.
A joint sample of them takes time with the cube."""
_CHOLESKY = 10_000
"""More than there are candidates: samples are exact and the same every time."""


def scbo(task: Task) -> TrustRegionMethod:
    """SCBO; its region grows after max(3, d/10) batches in a row that improved."""
    return TrustRegionMethod(task, ScboSearch(), patience=max(3, math.ceil(task.dimension / 10)))


class ScboSearch:
    """Thompson samples of FOM and violations in a cube."""

    def scores(self, trials: Sequence[Trial]) -> list[Score]:
        """Feasible trials by their FOM, before all others by their total violation."""
        totals = pessimistic(trials).clip(min=0.0).sum(axis=1).tolist()
        return [
            (1.0, trial.fom) if trial.observation.verdict.feasible else (0.0, -total)
            for trial, total in zip(trials, totals, strict=True)
        ]

    def choose(self, trials: Sequence[Trial], centre: Tensor, length: float, n: int) -> Tensor:
        """`n x d` points, each the best of a joint sample of FOM and violations."""
        X = points(trials)
        objective = local_gp(X, copula(torch.tensor([one.fom for one in trials]).double()))
        limits = bilog(torch.as_tensor(pessimistic(trials)))
        constraints = ModelListGP(*(local_gp(X, column) for column in limits.unbind(dim=1)))
        found = candidates(centre, torch.full_like(centre, length), _CANDIDATES)
        with torch.no_grad(), max_cholesky_size(_CHOLESKY):
            sampling = ConstrainedMaxPosteriorSampling(
                objective, constraint_model=constraints, replacement=False
            )
            chosen: Tensor = sampling(found, num_samples=n)
        return chosen


def copula(Y: Tensor) -> Tensor:
    """`n` values by their ranks as quantiles of the normal distribution; equal values stay equal.

    It spreads out the best values and pulls in outliers.
    """
    ranks = (rankdata(Y.numpy()) - 0.5) / len(Y)
    return torch.as_tensor(norm.ppf(ranks), dtype=torch.double)


def bilog(Y: Tensor) -> Tensor:
    """sign(y) log(1 + |y|): zero stays zero, and what is far from it comes nearer."""
    return Y.sign() * Y.abs().log1p()
