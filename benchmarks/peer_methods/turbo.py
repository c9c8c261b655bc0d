"""TuRBO-1 (Eriksson et al., NeurIPS 2019) on the scalar figure of merit.

Written from the paper on BoTorch's sampling. One trust region whose sides follow the model's
length scales; points are the best of Thompson samples among its candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from botorch.generation.sampling import MaxPosteriorSampling
from gpytorch.settings import max_cholesky_size
from torch import Tensor

from benchmarks.peer_methods.local_gp import local_gp
from benchmarks.peer_methods.protocol import Task, Trial
from benchmarks.peer_methods.trust_region import Score, TrustRegionMethod, candidates, points

_CHOLESKY = 10_000
"""More than there are candidates: samples are exact and the same every time."""


def turbo(task: Task) -> TrustRegionMethod:
    """TuRBO-1; its region grows after three batches in a row that improved."""
    return TrustRegionMethod(task, TurboSearch(), patience=3)


class TurboSearch:
    """Thompson samples of the FOM in a region shaped by its length scales."""

    def scores(self, trials: Sequence[Trial]) -> list[Score]:
        """The FOM."""
        return [(trial.fom,) for trial in trials]

    def choose(self, trials: Sequence[Trial], centre: Tensor, length: float, n: int) -> Tensor:
        """`n x d` points, each the best of a joint sample of the FOM over the candidates."""
        fom = torch.tensor([trial.fom for trial in trials], dtype=torch.double)
        model = local_gp(points(trials), fom)
        scales = model.covar_module.base_kernel.lengthscale.detach().flatten()
        sides = length * scales / scales.log().mean().exp()  # their product is that of a cube
        found = candidates(centre, sides, min(100 * len(centre), 5_000))
        with torch.no_grad(), max_cholesky_size(_CHOLESKY):
            chosen: Tensor = MaxPosteriorSampling(model, replacement=False)(found, num_samples=n)
        return chosen
