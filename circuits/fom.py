"""The figure of merit: one number a design, gated on its specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuits.spec import Spec


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a design stands against a set of specs.

    Attributes:
        fom: figure of merit, dimensionless; larger is better.
        terms: each spec's part of it, by metric.
        met: whether each spec is met, by metric.
    """

    fom: float
    terms: dict[str, float]
    met: dict[str, bool]

    @property
    def specs_met(self) -> int:
        """How many specs are met."""
        return sum(self.met.values())

    @property
    def specs_total(self) -> int:
        """How many specs there are."""
        return len(self.met)

    @property
    def feasible(self) -> bool:
        """Whether every spec is met."""
        return all(self.met.values())

    @property
    def rank(self) -> tuple[bool, float]:
        """Sort key, best last: a feasible design outranks every other, then the FOM counts.

        A design that fails one spec may gain more by another, so the FOM alone would let it win.
        """
        return self.feasible, self.fom


def judge(metrics: Mapping[str, float | None], specs: Sequence[Spec]) -> Verdict:
    """Figure of merit and specs met of a design with these metrics.

    FOM = sum over specs of w_m v_m / norm_m, a failed spec's penalty instead (ADO-LLM, ICCAD
    2024, eq. of the figure of merit with the constants of its released code). A metric that is
    missing or None fails its spec.

    Args:
        metrics: value by metric name, in the metrics' units.
        specs: the specs to judge by.
    """
    terms = {spec.metric: spec.term(metrics.get(spec.metric)) for spec in specs}
    met = {spec.metric: spec.met(metrics.get(spec.metric)) for spec in specs}
    return Verdict(fom=sum(terms.values()), terms=terms, met=met)
