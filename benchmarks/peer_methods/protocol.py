"""The seam to a method of the comparison: points of the unit cube out, trials in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ado_service.proposers.protocol import Observation
from circuits.definition import Circuit
from circuits.spec import Direction, Spec

Point = tuple[float, ...]
"""A design as a point of the unit cube, one coordinate a variable (`Circuit.from_unit`)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is asked to do.

    Attributes:
        circuit: what is sized; its log axes are log axes of the cube.
        seed: of the run. Equal seeds start from equal designs, whatever the method.
        initial: how many designs every method is given to start with.
        batch: how many are simulated side by side.
    """

    circuit: Circuit
    seed: int
    initial: int = 5
    batch: int = 5

    @property
    def specs(self) -> tuple[Spec, ...]:
        """What is asked for: the circuit's first spec set."""
        return self.circuit.specs()

    @property
    def dimension(self) -> int:
        """How many variables there are."""
        return len(self.circuit.variables)


@dataclass(frozen=True, slots=True)
class Trial:
    """A point that was simulated.

    Attributes:
        point: as the method suggested it, before it was put on the variables' grids.
        observation: what the simulation gave.
        violations: by how much each spec is missed, in units of its norm, in the specs' order;
            negative where it is met with something to spare, None where nothing was measured.
    """

    point: Point
    observation: Observation
    violations: tuple[float | None, ...]

    @property
    def fom(self) -> float:
        """The figure of merit, penalties included; larger is better, always a number."""
        return self.observation.verdict.fom


class PeerMethod(Protocol):
    """One run of one optimiser, told what its points came to.

    Contract: `tell` is called before the first `suggest` with the initial trials, which the
    method did not suggest, and then once after each `suggest` with all that it returned, in that
    order (or, where it raised or had nothing, with points that it did not suggest). The same task
    and trials give the same suggestions bit for bit.
    """

    def suggest(self, n: int) -> list[Point]:
        """At least one and at most `n` points to simulate next."""
        ...

    def tell(self, trials: Sequence[Trial]) -> None:
        """What points came to."""
        ...


def violations(observation: Observation, specs: Sequence[Spec]) -> tuple[float | None, ...]:
    """By how much each spec is missed (see `Trial`)."""
    return tuple(_violation(observation.metrics.get(spec.metric), spec) for spec in specs)


def _violation(value: float | None, spec: Spec) -> float | None:
    if value is None:
        return None
    sign = 1.0 if spec.direction is Direction.BELOW else -1.0
    return sign * (value - spec.threshold) / spec.norm


def pessimistic(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """`n x m` violations of `n` trials; one without a value is as bad as the spec's worst trial.

    Methods with constraints need a number where a simulation failed; dropping such trials would
    lead them back there. At least 1, a whole norm, where no trial tells.
    """
    rows = [[np.nan if one is None else one for one in trial.violations] for trial in trials]
    found = np.array(rows, dtype=float)
    worst = np.fmax(np.fmax.reduce(found, axis=0), 1.0)
    return np.where(np.isnan(found), worst, found)
