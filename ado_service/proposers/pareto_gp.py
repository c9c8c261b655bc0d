"""Trade-offs of two or three metrics under the specs: a GP each, expected hypervolume gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.models.transforms import Standardize
from botorch.models.utils.gpytorch_modules import (
    get_gaussian_likelihood_with_gamma_prior,
    get_matern_kernel_with_gamma_prior,
)
from botorch.optim.optimize import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import SumMarginalLogLikelihood
from numpy.typing import NDArray

from ado_service.proposers.outcome import Outcome, outcomes_of
from ado_service.proposers.prior import known_before
from ado_service.proposers.protocol import History, Observation, Proposal, Proposer
from ado_service.proposers.space_filling import filled, take_new
from ado_service.proposers.torch_run import (
    MODEL_ERRORS,
    on_one_thread,
    unit_cube,
    unit_points,
)

_SAMPLES = 32
_RESTARTS = 4
_RAW_SAMPLES = 64
_BEST, _LATEST = 200, 200
"""Designs that are modelled at most: an exact GP takes time with the cube of their number."""

Constraint = Callable[[torch.Tensor], torch.Tensor]


class ParetoProposer:
    """One SingleTaskGP a metric, qLogNEHVI under the specs, q points jointly in the unit cube.

    The acquisition is the log form of noisy expected hypervolume improvement (Daulton et al.,
    NeurIPS 2021; Ament et al., NeurIPS 2023), with the specs as outcome constraints on the
    metrics' models. Hypervolume is that of the transformed metrics (`Outcome`): of a metric on a
    log scale it counts ratios. It is measured from the worst that the specs allow, and not from
    the worst of the front as is usual: a young front covers a small part of the trade-off, and
    nothing beyond its ends would count. While no design of the job meets every spec there is no
    front to push, and `feasibility` proposes in its stead.

    Args:
        feasibility: looks for the first designs that meet every spec.
    """

    name = "pareto"

    def __init__(self, feasibility: Proposer) -> None:
        self._feasibility = feasibility

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """`n` designs that jointly promise the largest gain of the front (see `Proposer`).

        Raises:
            ValueError: the objective of `history` is no Pareto objective.
        """
        if not history.objective.aims:
            raise ValueError(f"objective {history.objective}: no trade-off to look for")
        if not any(_on_a_front(one, history) for one in history.observations):
            return self._feasibility.propose(history, n, seed)
        try:
            with on_one_thread(seed):
                candidates: Sequence[NDArray[np.float64]] = list(
                    _candidates(history, n, seed).numpy()
                )
        except MODEL_ERRORS:
            candidates = []
        return filled(history, take_new(history, n, self.name, candidates), n, seed)


def _on_a_front(one: Observation, history: History) -> bool:
    """Whether the design competes: it meets every spec and has every metric of the objective."""
    return one.verdict.feasible and history.objective.gains(one.metrics) is not None


def _candidates(history: History, n: int, seed: int) -> torch.Tensor:
    """`n x d` points of the unit cube that maximise the acquisition jointly."""
    own = _modelled(history.observations)
    everything = [*own, *known_before(history, _BEST)]
    outcomes = outcomes_of(history.circuit, history.objective, history.specs, everything)
    aims = len(history.objective.aims)
    acquisition = qLogNoisyExpectedHypervolumeImprovement(
        _model(
            unit_points(history.circuit, [one.values for one in everything]),
            _values(outcomes, everything),
        ),
        ref_point=[outcome.reference for outcome in outcomes[:aims]],
        X_baseline=unit_points(history.circuit, [one.values for one in own]),
        sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=seed % 2**31),
        objective=IdentityMCMultiOutputObjective(outcomes=list(range(aims))),
        constraints=_constraints(outcomes) or None,
        X_pending=unit_points(history.circuit, history.pending) if history.pending else None,
        prune_baseline=True,
    )
    found, _ = optimize_acqf(
        acquisition,
        unit_cube(len(history.circuit.variables)),
        q=n,
        num_restarts=_RESTARTS,
        raw_samples=_RAW_SAMPLES,
        options={"maxiter": 30, "batch_limit": _RESTARTS, "seed": seed % 2**31},
    )
    return found.detach()


def _modelled(seen: Sequence[Observation]) -> list[Observation]:
    """The best designs and the latest ones; all of them while there are not too many."""
    if len(seen) <= _BEST + _LATEST:
        return list(seen)
    early = list(seen[:-_LATEST])
    best = sorted(early, key=lambda one: one.verdict.rank, reverse=True)[:_BEST]
    return [*best, *seen[-_LATEST:]]


def _values(outcomes: Sequence[Outcome], seen: Sequence[Observation]) -> torch.Tensor:
    """Transformed metrics, `n x m`; larger is better."""
    rows = [[outcome.value(one.metrics) for outcome in outcomes] for one in seen]
    return torch.tensor(rows, dtype=torch.double)


def _model(X: torch.Tensor, Y: torch.Tensor) -> ModelListGP:
    """An independent GP a metric, fitted: Matern-5/2 with Gamma priors, as `GPProposer` has.

    Args:
        X: `n x d`, designs in the unit cube.
        Y: `n x m`, transformed metrics.
    """
    model = ModelListGP(
        *(
            SingleTaskGP(
                X,
                Y[:, [column]],
                likelihood=get_gaussian_likelihood_with_gamma_prior(),
                covar_module=get_matern_kernel_with_gamma_prior(ard_num_dims=X.shape[-1]),
                outcome_transform=Standardize(m=1),
            )
            for column in range(Y.shape[-1])
        )
    )
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def _constraints(outcomes: Sequence[Outcome]) -> list[Constraint]:
    """A function of samples (`... x m`) for each spec, negative where it is met."""

    def of_one(place: int, sign: float, threshold: float) -> Constraint:
        return lambda samples: sign * (threshold - samples[..., place])

    return [
        of_one(place, outcome.spec_sign, outcome.threshold)
        for place, outcome in enumerate(outcomes)
        if outcome.threshold is not None
    ]
