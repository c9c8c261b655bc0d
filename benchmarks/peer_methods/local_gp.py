"""The Gaussian process of the trust-region papers."""

from __future__ import annotations

import warnings

from botorch.exceptions.warnings import BotorchWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from gpytorch.constraints import Interval
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.warnings import NumericalWarning
from torch import Tensor


def local_gp(X: Tensor, Y: Tensor) -> SingleTaskGP:
    """A fitted Matern-5/2 GP with one length scale a variable.

    Bounds of the hyper-parameters as in the supplement of the TuRBO paper: length scales in
    [0.005, 2], signal variance in [0.05, 20], noise variance in [0.0005, 0.1], of standardised
    values; the model's posterior is in the units of Y again.

    Args:
        X: `n x d`, in the unit cube.
        Y: `n` values; they may all be the same.
    """
    kernel = MaternKernel(
        nu=2.5, ard_num_dims=X.shape[-1], lengthscale_constraint=Interval(0.005, 2.0)
    )
    model = SingleTaskGP(
        X,
        Y.unsqueeze(-1),
        likelihood=GaussianLikelihood(noise_constraint=Interval(5e-4, 0.1)),
        covar_module=ScaleKernel(kernel, outputscale_constraint=Interval(0.05, 20.0)),
        outcome_transform=Standardize(m=1),
    )
    model.likelihood.noise = 0.005
    model.covar_module.outputscale = 1.0
    kernel.lengthscale = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model
