"""How models run in this process: one thread, a seed of their own, no warnings, float64."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from botorch.exceptions.errors import ModelFittingError, OptimizationGradientError
from botorch.exceptions.warnings import BotorchWarning
from linear_operator.utils.errors import NotPSDError
from linear_operator.utils.warnings import NumericalWarning

from circuits.definition import Circuit

MODEL_ERRORS = (ModelFittingError, NotPSDError, OptimizationGradientError)
"""What a model that cannot be fitted or optimised raises; a proposer then does without."""


@contextmanager
def on_one_thread(seed: int) -> Iterator[None]:
    """Run models on one thread with their own random state; both are put back at the end.

    Matrices this small only lose by more threads. Thread count and random state of torch belong
    to the process: one proposal at a time in it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", BotorchWarning)
            warnings.simplefilter("ignore", NumericalWarning)
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def unit_points(circuit: Circuit, designs: Sequence[Mapping[str, float]]) -> torch.Tensor:
    """Designs (SI units) as `n x d` points of the unit cube, float64."""
    rows = [circuit.to_unit(values) for values in designs]
    return torch.tensor(rows, dtype=torch.double).reshape(-1, len(circuit.variables)).clamp(0, 1)


def unit_cube(d: int) -> torch.Tensor:
    """Its bounds, `2 x d`, float64."""
    return torch.stack([torch.zeros(d), torch.ones(d)]).double()
