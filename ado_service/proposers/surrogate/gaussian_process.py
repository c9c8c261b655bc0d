"""An exact Gaussian process in float64, small enough to be fitted many times a second.

BoTorch's SingleTaskGP fits the same model; on the hundreds of points of a sizing job most of its
time is that of autograd and not of algebra. Here the gradient is written out, which keeps a
proposal small beside a simulation (`proposer-seconds` of benchmarks/peers.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, lapack, solve_triangular
from scipy.optimize import minimize

Array = NDArray[np.float64]

_ROOT = math.sqrt(5.0)
_JITTER = 1e-6
_LEAST_SPREAD = 1e-9
_LENGTH_PRIOR = (0.5, 1.0)
"""Mean and deviation of a log length scale: weaker and shorter than the dimension-scaled prior
(Hvarfner et al., ICML 2024), which is too smooth for circuits."""
_NOISE_PRIOR = (-6.0, 1.5)
_SCALE_PRIOR = (0.0, 1.0)
_SLOPE_PRIOR = (-1.0, 1.5)
_LENGTH_BOUNDS = (math.log(0.05), math.log(50.0))
_NOISE_BOUNDS = (-14.0, -1.0)
_SCALE_BOUNDS = (-3.0, 2.0)
_SLOPE_BOUNDS = (-8.0, 3.0)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Matern-5/2 with a length scale an axis, plus a linear kernel: hyper-parameters as logs.

    Attributes:
        theta: `d + 3` logarithms: length scales, noise variance, variance of the Matern part,
            variance of the linear part (of standardised outcomes).
    """

    theta: Array

    @classmethod
    def prior_mean(cls, d: int) -> Self:
        """Where fits start: the means of the priors."""
        return cls(
            np.array([*[_LENGTH_PRIOR[0]] * d, _NOISE_PRIOR[0], _SCALE_PRIOR[0], _SLOPE_PRIOR[0]])
        )

    @property
    def noise(self) -> float:
        """Noise variance, the jitter included."""
        return math.exp(self.theta[-3]) + _JITTER

    def between(self, A: Array, B: Array) -> Array:
        """`a x b` prior covariances of points `A` (`a x d`) and `B` (`b x d`)."""
        d = A.shape[1]
        scaled = np.exp(-self.theta[:d])
        r = _distances(A * scaled, B * scaled)
        matern = (1 + _ROOT * r + 5 / 3 * r * r) * np.exp(-_ROOT * r)
        return np.asarray(
            math.exp(self.theta[-2]) * matern + math.exp(self.theta[-1]) * _linear(A, B)
        )

    def variance(self, A: Array) -> Array:
        """`a` prior variances."""
        slope = math.exp(self.theta[-1]) * 4 / A.shape[1] * ((A - 0.5) ** 2).sum(axis=1)
        return np.asarray(math.exp(self.theta[-2]) + slope)


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A fitted process: posterior of one outcome.

    Attributes:
        kernel: with fitted hyper-parameters.
        X: `n x d` points of the unit cube.
        factor: `n x n` lower Cholesky factor of their covariance, noise included.
        weights: `n` solutions of the covariance against the standardised outcomes.
        mean, spread: of the outcomes, to undo the standardisation.
    """

    kernel: Kernel
    X: Array
    factor: Array
    weights: Array
    mean: float
    spread: float

    @classmethod
    def fit(
        cls, X: Array, y: Array, *, iterations: int, most: int, start: Kernel | None = None
    ) -> Self:
        """Hyper-parameters by maximum a posteriori, then the posterior on all points.

        Args:
            X: `n x d` points of the unit cube.
            y: `n` outcomes.
            iterations: of L-BFGS.
            most: points that the hyper-parameters are fitted on; evenly taken out of more.
            start: where the search for them starts; the mean of the prior when None.
        """
        kernel = start or Kernel.prior_mean(X.shape[1])
        mean, spread = float(y.mean()), float(y.std())
        if spread > _LEAST_SPREAD:
            some = np.unique(np.linspace(0, len(y) - 1, min(most, len(y))).astype(int))
            part = y[some]
            scaled = (part - part.mean()) / max(float(part.std()), _LEAST_SPREAD)
            kernel = _fitted(kernel, X[some], scaled, iterations)
        else:
            spread = 1.0
        return cls.given(kernel, X, (y - mean) / spread, mean, spread)

    @classmethod
    def given(cls, kernel: Kernel, X: Array, scaled: Array, mean: float, spread: float) -> Self:
        """The posterior under known hyper-parameters; `scaled` are standardised outcomes."""
        covariance = kernel.between(X, X)
        noise = kernel.noise
        while True:  # duplicates with little noise: a little more lets the factor exist
            covariance[np.diag_indices(len(X))] = kernel.variance(X) + noise
            factor, failed = lapack.dpotrf(covariance, lower=1, clean=1)
            if not failed:
                break
            noise *= 10.0
        weights = cho_solve((factor, True), scaled, check_finite=False)
        return cls(kernel, X, factor, weights, mean, spread)

    def marginals(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the noise-free outcome at `m x d` points, `m` each."""
        across = self.kernel.between(self.X, X)
        half = solve_triangular(self.factor, across, lower=True, check_finite=False)
        variance = np.maximum(self.kernel.variance(X) - (half * half).sum(axis=0), 1e-10)
        return self.mean + self.spread * (across.T @ self.weights), self.spread * np.sqrt(variance)

    def samples(self, X: Array, normals: Array) -> Array:
        """`s x m` joint samples at `m x d` points out of `s x m` standard normal numbers."""
        across = self.kernel.between(self.X, X)
        half = solve_triangular(self.factor, across, lower=True, check_finite=False)
        covariance = self.kernel.between(X, X) - half.T @ half
        jitter = 1e-8
        while True:
            covariance[np.diag_indices(len(X))] += jitter
            factor, failed = lapack.dpotrf(covariance, lower=1, clean=1)
            if not failed:
                break
            jitter *= 100.0
        drawn: Array = self.mean + self.spread * (across.T @ self.weights + normals @ factor.T)
        return drawn


def _fitted(kernel: Kernel, X: Array, y: Array, iterations: int) -> Kernel:
    bounds = [_LENGTH_BOUNDS] * X.shape[1] + [_NOISE_BOUNDS, _SCALE_BOUNDS, _SLOPE_BOUNDS]
    found = minimize(
        _loss, kernel.theta, args=(X, y), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": iterations},
    )  # fmt: skip
    return Kernel(found.x)


def _loss(theta: Array, X: Array, y: Array) -> tuple[float, Array]:
    """Negative log posterior of the hyper-parameters and its gradient.

    The derivative of the marginal likelihood is half the trace of M dK, with M the inverse
    covariance less the outer product of the weights (Rasmussen and Williams, 2006, eq. 5.9).
    """
    n, d = X.shape
    scaled = X * np.exp(-theta[:d])
    r = _distances(scaled, scaled)
    decay = np.exp(-_ROOT * r)
    matern, slope = (1 + _ROOT * r + 5 / 3 * r * r) * decay, _linear(X, X)
    size, steep = math.exp(theta[-2]), math.exp(theta[-1])
    covariance = size * matern + steep * slope
    covariance[np.diag_indices(n)] += math.exp(theta[-3]) + _JITTER
    factor, failed = lapack.dpotrf(covariance, lower=1, clean=1)
    if failed:
        return 1e10, np.zeros_like(theta)
    weights = cho_solve((factor, True), y, check_finite=False)
    inverse, _ = lapack.dpotri(factor, lower=1)
    M = np.tril(inverse) + np.tril(inverse, -1).T - np.outer(weights, weights)
    loss = 0.5 * float(y @ weights) + float(np.log(np.diag(factor)).sum())
    gradient = np.empty_like(theta)
    # dk / dlog(l_j) = size 5/3 (1 + sqrt(5) r) exp(-sqrt(5) r) (x_j - x'_j)^2 / l_j^2
    G = M * (size * 5 / 3 * (1 + _ROOT * r) * decay)
    gradient[:d] = G.sum(axis=1) @ scaled**2 - np.einsum("ij,ij->j", scaled, G @ scaled)
    gradient[-3] = 0.5 * float(np.trace(M)) * math.exp(theta[-3])
    gradient[-2] = 0.5 * float((M * matern).sum()) * size
    gradient[-1] = 0.5 * float((M * slope).sum()) * steep
    z, spread = _prior(theta, d)
    return loss + 0.5 * float(z @ z), gradient + z / spread


def _prior(theta: Array, d: int) -> tuple[Array, Array]:
    """Deviations of the hyper-parameters from their normal priors in sigmas, and the sigmas."""
    priors = np.array([_LENGTH_PRIOR] * d + [_NOISE_PRIOR, _SCALE_PRIOR, _SLOPE_PRIOR])
    return (theta - priors[:, 0]) / priors[:, 1], priors[:, 1]


def _distances(A: Array, B: Array) -> Array:
    """`a x b` Euclidean distances."""
    squares = (A * A).sum(axis=1)[:, None] + (B * B).sum(axis=1) - 2 * A @ B.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _linear(A: Array, B: Array) -> Array:
    """`a x b` linear kernel around the cube's middle, about 1 at its corners' scale."""
    return np.asarray((4 / A.shape[1]) * ((A - 0.5) @ (B - 0.5).T))
