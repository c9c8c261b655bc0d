"""GP-BO as in ADO-LLM: one Gaussian process on the scalar figure of merit, q points jointly."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.exceptions.errors import ModelFittingError, OptimizationGradientError
from botorch.exceptions.warnings import BotorchWarning
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
from linear_operator.utils.errors import NotPSDError
from linear_operator.utils.warnings import NumericalWarning
from numpy.typing import NDArray

from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.space_filling import SobolProposer, take_new

_SAMPLES = 128
_RESTARTS = 6
_RAW_SAMPLES = 256
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
    axes of the cube. Everything is float64 on one thread: matrices this small only lose by more.

    Thread count and random state of torch belong to the process: one proposal at a time in it.
    """

    name = "gp"

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` designs that jointly promise the largest improvement of the FOM (see `Proposer`).

        Sobol points where there is nothing to learn from: fewer than two designs, all of one FOM,
        or a model that cannot be fitted.
        """
        candidates = _candidates(history, n, seed)
        proposals = take_new(history, n, self.name, candidates)
        if len(proposals) < n:
            pending = (*history.pending, *(proposal.values for proposal in proposals))
            rest = History(history.circuit, history.specs, history.observations, pending)
            proposals += SobolProposer().propose(rest, n - len(proposals), seed)
        return proposals


def _candidates(history: History, n: int, seed: int) -> Sequence[NDArray[np.float64]]:
    """Points of the unit cube, at most `n`; none where a GP cannot help."""
    fom = [one.verdict.fom for one in history.observations]
    if len(fom) < _LEAST or max(fom) - min(fom) < 1e-12:
        return []
    X = _points(history, [one.values for one in history.observations])
    Y = _winsorised(torch.tensor(fom, dtype=torch.double)).unsqueeze(-1)
    pending = _points(history, list(history.pending)) if history.pending else None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", BotorchWarning)
            warnings.simplefilter("ignore", NumericalWarning)
            torch.manual_seed(seed)
            return list(_optimise(X, Y, pending, n, seed).numpy())
    except (ModelFittingError, NotPSDError, OptimizationGradientError):
        return []
    finally:
        torch.set_num_threads(threads)


def _winsorised(fom: torch.Tensor) -> torch.Tensor:
    """`n` figures of merit, none further below the median than the best one is above it."""
    middle, best = fom.median(), fom.max()
    return fom if best == middle else fom.clamp(min=float(2 * middle - best))


def _points(history: History, designs: Sequence[Mapping[str, float]]) -> torch.Tensor:
    """Designs as `n x d` points of the unit cube."""
    rows = [history.circuit.to_unit(values) for values in designs]
    return torch.tensor(rows, dtype=torch.double).clamp(0.0, 1.0)


def _optimise(
    X: torch.Tensor, Y: torch.Tensor, pending: torch.Tensor | None, q: int, seed: int
) -> torch.Tensor:
    """`q x d` points that maximise qLogEI jointly.

    Args:
        X: `n x d`, designs in the unit cube.
        Y: `n x 1`, their figures of merit.
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
        best_f=Y.max(),
        sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=seed % 2**31),
        X_pending=pending,
    )
    bounds = torch.stack([torch.zeros(X.shape[-1]), torch.ones(X.shape[-1])]).to(X)
    found, _ = optimize_acqf(
        acquisition,
        bounds,
        q=q,
        num_restarts=_RESTARTS,
        raw_samples=_RAW_SAMPLES,
        options={"maxiter": 100, "batch_limit": _RESTARTS, "seed": seed % 2**31},
    )
    return found.detach()
