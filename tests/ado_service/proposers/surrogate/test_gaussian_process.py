"""The process against textbook algebra, finite differences and BoTorch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import MaternKernel, ScaleKernel

from ado_service.proposers.surrogate.gaussian_process import GaussianProcess, Kernel, _loss

RNG = np.random.default_rng(3)
X = RNG.random((25, 4))
Y = np.sin(5 * X[:, 0]) + X[:, 1] ** 2 - 0.5 * X[:, 2] + 0.01 * RNG.standard_normal(25)


def fitted(**changes: int) -> GaussianProcess:
    return GaussianProcess.fit(X, Y, **{"iterations": 25, "most": 250, **changes})


@pytest.mark.parametrize("place", range(7))
def test_the_gradient_is_that_of_finite_differences(place: int) -> None:
    theta = Kernel.prior_mean(4).theta + 0.3 * np.random.default_rng(1).standard_normal(7)
    step = np.zeros(7)
    step[place] = 1e-6
    scaled = (Y - Y.mean()) / Y.std()
    slope = (_loss(theta + step, X, scaled)[0] - _loss(theta - step, X, scaled)[0]) / 2e-6
    assert _loss(theta, X, scaled)[1][place] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_the_posterior_is_that_of_botorch() -> None:
    process = fitted()
    theta = process.kernel.theta.copy()
    theta[-1] = -40.0  # the Matern part alone, which BoTorch has
    kernel = Kernel(theta)
    scaled = (Y - Y.mean()) / Y.std()
    ours = GaussianProcess.given(kernel, X, scaled, 0.0, 1.0)
    theirs = SingleTaskGP(
        torch.tensor(X), torch.tensor(scaled)[:, None], outcome_transform=None,
        covar_module=ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=4)),
    )  # fmt: skip
    theirs.covar_module.base_kernel.lengthscale = torch.tensor(np.exp(theta[:4]))
    theirs.covar_module.outputscale = torch.tensor(np.exp(theta[-2]))
    theirs.likelihood.noise = torch.tensor(kernel.noise)
    theirs.mean_module.constant = torch.tensor(0.0)
    new = np.random.default_rng(8).random((9, 4))
    posterior = theirs.posterior(torch.tensor(new))
    mean, spread = ours.marginals(new)
    assert mean == pytest.approx(posterior.mean.detach().numpy()[:, 0], rel=1e-6, abs=1e-8)
    variance = posterior.variance.detach().numpy()[:, 0]
    assert spread**2 == pytest.approx(variance, rel=1e-5, abs=1e-8)


def test_it_predicts_what_it_has_not_seen() -> None:
    new = np.random.default_rng(9).random((200, 4))
    mean, spread = fitted().marginals(new)
    error = mean - (np.sin(5 * new[:, 0]) + new[:, 1] ** 2 - 0.5 * new[:, 2])
    assert np.sqrt((error**2).mean()) < 0.15 * Y.std()
    assert (np.abs(error) < 3 * spread + 0.02).mean() > 0.9


def test_joint_samples_have_the_marginals_and_are_one_function() -> None:
    process, new = fitted(), np.array([[0.5] * 4, [0.5, 0.5, 0.5, 0.501], [0.0, 1.0, 0.0, 1.0]])
    normals = np.random.default_rng(4).standard_normal((20_000, 3))
    samples = process.samples(new, normals)
    mean, spread = process.marginals(new)
    assert samples.mean(axis=0) == pytest.approx(mean, abs=0.05 * Y.std())
    assert samples.std(axis=0) == pytest.approx(spread, rel=0.05)
    assert np.corrcoef(samples.T)[0, 1] > 0.99


def test_duplicates_and_constants_have_a_posterior() -> None:
    again = np.vstack([X, X, X])
    repeated = GaussianProcess.fit(again, np.tile(Y, 3), iterations=25, most=250)
    assert np.isfinite(repeated.marginals(X)[0]).all()
    flat = GaussianProcess.fit(X, np.full(25, 2.5), iterations=25, most=250)
    mean, spread = flat.marginals(X[:3])
    assert mean == pytest.approx(np.full(3, 2.5))
    assert (spread > 0).all()


def test_hyper_parameters_of_a_part_serve_the_whole() -> None:
    mean, _ = fitted(most=12).marginals(X)
    assert np.corrcoef(mean, Y)[0, 1] > 0.95
