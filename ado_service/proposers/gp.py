"""GP-BO as in ADO-LLM: one Gaussian process on the scalar figure of merit, q points jointly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.models.utils.gpytorch_modules import (
    get_gaussian_likelihood_with_gamma_prior,
    get_matern_kernel_with_gamma_prior,
)
from botorch.optim.optimize import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from numpy.typing import NDArray

from ado_service.proposers.prior import known_before
from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.space_filling import filled, take_new
from ado_service.proposers.torch_run import (
    MODEL_ERRORS,
    on_one_thread,
    unit_cube,
    unit_points,
)

_SAMPLES = 128
_RESTARTS = 6
_RAW_SAMPLES = 256
_PRIOR = 100
"""Prior designs that are modelled at most: the time of an exact GP grows with the cube."""
_LEAST = 2
"""Observations below which a GP says nothing that a Sobol point would not."""


class GPProposer:
    """A SingleTaskGP on the FOM, qLogEI, q points optimised jointly in the unit cube.

    The paper's setting (ADO-LLM, ICCAD 2024): Matern-5/2 with Gamma priors, SingleTaskGP's default
    then. (The dimension-scaled prior of later releases, Hvarfner et al., ICML 2024, is too smooth
    for these circuits: docs/benchmarks.) The FOM is winsorised from below before it is modelled:
    how badly a bad design fails says nothing about where good ones are, and penalties would make
    up most of the variance. The acquisition is the log form of expected improvement,
    whose gradients do not vanish (Ament et al., NeurIPS 2023). Log axes of the variables are log
    axes of the cube. Everything is float64 on one thread (`torch_run`). Of a warm start the model
    has up to 100 prior designs beside the job's own.
    """

    name = "gp"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` designs that jointly promise the largest improvement of the FOM (see `Proposer`).

        Sobol points where there is nothing to learn from: fewer than two designs, all of one FOM,
        or a model that cannot be fitted.
        """
        candidates = _candidates(history, n, seed)
        return filled(history, take_new(history, n, self.name, candidates), n, seed)


def _candidates(history: History, n: int, seed: int) -> Sequence[NDArray[np.float64]]:
    """Points of the unit cube, at most `n`; none where a GP cannot help."""
    own = [one for one in history.observations if math.isfinite(one.verdict.fom)]
    modelled = [*own, *known_before(history, _PRIOR)]
    fom = [one.verdict.fom for one in modelled]
    if len(fom) < _LEAST or max(fom) - min(fom) < 1e-12:
        return []
    # What a prior design promises need not hold here: improvement is over this job's best.
    best = max(fom[: len(own)] or fom)
    X = unit_points(history.circuit, [one.values for one in modelled])
    Y = _winsorised(torch.tensor(fom, dtype=torch.double)).unsqueeze(-1)
    pending = unit_points(history.circuit, history.pending) if history.pending else None
    try:
        with on_one_thread(seed):
            return list(_optimise(X, Y, best, pending, n, seed).numpy())
    except MODEL_ERRORS:
        return []


def _winsorised(fom: torch.Tensor) -> torch.Tensor:
    """`n` figures of merit, none further below the median than the best one is above it."""
    middle, best = fom.median(), fom.max()
    return fom if best == middle else fom.clamp(min=float(2 * middle - best))


def _optimise(
    X: torch.Tensor,
    Y: torch.Tensor,
    best: float,
    pending: torch.Tensor | None,
    q: int,
    seed: int,
) -> torch.Tensor:
    """`q x d` points that maximise qLogEI jointly.

    Args:
        X: `n x d`, designs in the unit cube.
        Y: `n x 1`, their figures of merit.
        best: the figure of merit to improve on.
        pending: `p x d`, designs under way; their outcomes are sampled too.
        q: how many points.
        seed: of the quasi-random samples.
    """
    model = SingleTaskGP(
        X,
        Y,
        likelihood=get_gaussian_likelihood_with_gamma_prior(),
        covar_module=get_matern_kernel_with_gamma_prior(ard_num_dims=X.shape[-1]),
        outcome_transform=Standardize(m=1),
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    acquisition = qLogExpectedImprovement(
        model,
        best_f=best,
        sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=seed % 2**31),
        X_pending=pending,
    )
    found, _ = optimize_acqf(
        acquisition,
        unit_cube(X.shape[-1]),
        q=q,
        num_restarts=_RESTARTS,
        raw_samples=_RAW_SAMPLES,
        options={"maxiter": 100, "batch_limit": _RESTARTS, "seed": seed % 2**31},
    )
    return found.detach()
