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
        met: whether each spec is met, by metric, as far as it was measured.
        complete: whether all of the design was simulated.
    """

    fom: float
    terms: dict[str, float]
    met: dict[str, bool]
    complete: bool = True

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
        """Whether every spec is met, in all of the circuit's corners."""
        return self.complete and all(self.met.values())

    @property
    def rank(self) -> tuple[bool, float]:
        """Sort key, best last: a feasible design outranks every other, then the FOM counts.

        A design that fails one spec may gain more by another, so the FOM alone would let it win.
        """
        return self.feasible, self.fom


def judge(
    metrics: Mapping[str, float | None], specs: Sequence[Spec], skipped: Sequence[str] = ()
) -> Verdict:
    """Figure of merit and specs met of a design with these metrics.

    FOM = sum over specs of w_m v_m / norm_m, a failed spec's penalty instead (ADO-LLM, ICCAD
    2024, eq. of the figure of merit with the constants of its released code). A metric that is
    missing or None fails its spec.

    A spec that is met so far, but of which corners were skipped, counts half of its term and half
    of its penalty: that is the middle between skipped corners that change nothing and ones that
    fail. Designs that were skipped keep their order among each other that way, and do not look
    better than those that were worth all corners and have their worst ones counted.

    Args:
        metrics: value by metric name, in the metrics' units.
        specs: the specs to judge by.
        skipped: corners that were not simulated, and testbenches as `corner/testbench`.
    """
    terms, met = {}, {}
    for spec in specs:
        value = metrics.get(spec.metric)
        term = spec.term(value)
        open_corners = [one for one in skipped if "/" not in one and spec.holds_in(one)]
        terms[spec.metric] = (term + spec.penalty) / 2 if open_corners else term
        met[spec.metric] = spec.met(value)
    return Verdict(fom=sum(terms.values()), terms=terms, met=met, complete=not skipped)
