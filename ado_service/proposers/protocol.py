"""The seam to whoever suggests designs: history in, proposals out, no database, no simulator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from circuits.definition import Circuit
from circuits.fom import Verdict, judge
from circuits.objective import Objective
from circuits.spec import Spec


@dataclass(frozen=True, slots=True)
class Observation:
    """A design that was simulated.

    Attributes:
        values: variable values, SI units.
        metrics: metric values (worst corner); None where it could not be measured.
        verdict: FOM and specs met.
        regions: operating region by device, such as {"xn1": "saturation"}.
        failure: failure kind, None when all was measured.
    """

    values: Mapping[str, float]
    metrics: Mapping[str, float | None]
    verdict: Verdict
    regions: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that a proposer may know of a job.

    Attributes:
        circuit: what is sized.
        specs: what is asked for.
        observations: simulated designs, oldest first.
        pending: values of designs that are proposed but not yet simulated.
        objective: what the search is after; every direction is filled in.
        prior: designs of earlier jobs, judged by the present specs: the best first, then such as
            are spread. They were simulated with other netlists where the circuit was another
            version, count for no budget, and are in range.
    """

    circuit: Circuit
    specs: tuple[Spec, ...]
    observations: tuple[Observation, ...] = ()
    pending: tuple[Mapping[str, float], ...] = ()
    objective: Objective = field(default_factory=Objective)
    prior: tuple[Observation, ...] = ()

    @property
    def best(self) -> Observation | None:
        """The best design so far: feasible before infeasible, then by FOM, the earlier on a tie."""
        return max(self.observations, key=lambda seen: seen.verdict.rank, default=None)

    def observe(self, values: Mapping[str, float], metrics: Mapping[str, float | None]) -> History:
        """This history with one more design."""
        seen = Observation(values, metrics, judge(metrics, self.specs))
        return replace(self, observations=(*self.observations, seen))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A design to simulate.

    Attributes:
        values: every variable of the circuit, SI units, on range and grid.
        proposer: who suggested it (`sobol`, `gp`, `llm`).
        turn: number of the LLM turn it comes from; None for the others.
        note: why, in a few words or the LLM's own reasoning.
    """

    values: dict[str, float]
    proposer: str
    turn: int | None = None
    note: str = ""


def measured(seen: Iterable[Observation], metric: str) -> list[float]:
    """The finite values of a metric that designs came to, in its unit."""
    values = (one.metrics.get(metric) for one in seen)
    return [value for value in values if value is not None and math.isfinite(value)]


class Proposer(Protocol):
    """Suggests the next designs of a job.

    Contract: a pure function of its arguments (and, for the LLM, of the replies it is given):
    the same history, n and seed give the same proposals bit for bit. It may return fewer than n
    when it has nothing better to say; the caller fills the slots. It does not raise for
    degenerate histories (no designs, all failed, constant metrics, duplicates).
    """

    @property
    def name(self) -> str:
        """Short name, recorded with each design."""
        ...

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """Up to `n` designs to simulate next.

        Args:
            history: designs so far, pending ones included.
            n: how many designs are wanted, at least 1.
            seed: seed of this call; derived by the caller from (job seed, round).
        """
        ...
