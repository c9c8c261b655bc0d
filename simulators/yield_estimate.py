"""Yield: which share of a design's copies, each with its own mismatch, meets every spec."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuits.definition import Circuit
from circuits.spec import Spec
from simulators.corners import verdict, worst_corner
from simulators.netlist.deck import Deck
from simulators.netlist.mismatch import SAMPLE
from simulators.result import SimulationResult

CONFIDENCE = 0.95
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a metric (worst corner, metric's unit) spreads over the samples that have it.

    Attributes:
        measured: samples with a value.
        mean: arithmetic mean; None without a value.
        sigma: standard deviation of the population, estimated; None below two values.
        percentiles: value by percent, interpolated linearly; empty without a value.
        low, high: smallest and largest value; None without one.
    """

    measured: int
    mean: float | None
    sigma: float | None
    percentiles: dict[int, float]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class YieldEstimate:
    """What a Monte Carlo run says of a design.

    Attributes:
        samples: how many there were.
        passed: how many of them meet every spec; a failed simulation does not.
        low, high: bounds of the yield (shares) at 95 % confidence, after Clopper and Pearson.
        missed: samples that miss a spec, by metric; one may miss several.
        failures: samples by failure kind.
        spreads: by metric.
    """

    samples: int
    passed: int
    low: float
    high: float
    missed: dict[str, int]
    failures: dict[str, int]
    spreads: dict[str, Spread]

    @property
    def share(self) -> float:
        """The estimated yield, 0 to 1."""
        return self.passed / self.samples


def mismatch_samples(values: Mapping[str, float], count: int, seed: int) -> list[dict[str, float]]:
    """`count` copies of a design (SI units), each with the seed of its own mismatch.

    The first of them are the same for a larger `count`.
    """
    return [{**values, SAMPLE: float(_sample(seed, index))} for index in range(count)]


def has_mismatch(circuit: Circuit, decks: Sequence[Deck], values: Mapping[str, float]) -> bool:
    """Whether a sample of the design (SI units) is any different from the design itself."""
    nominal = {**circuit.parameters, **values}
    sample = {**nominal, SAMPLE: 1.0}
    corner = circuit.corners[0]
    return any(deck.numbers(sample, corner) != deck.numbers(nominal, corner) for deck in decks)


def estimate_yield(results: Sequence[SimulationResult], specs: Sequence[Spec]) -> YieldEstimate:
    """Yield, its confidence and the spread of every metric.

    Args:
        results: of the samples, at least one.
        specs: what a sample must meet.
    """
    verdicts = [verdict(result, specs) for result in results]
    metrics = [worst_corner(result, specs) for result in results]
    passed = sum(one.feasible for one in verdicts)
    low, high = confidence_interval(passed, len(results))
    return YieldEstimate(
        samples=len(results),
        passed=passed,
        low=low,
        high=high,
        missed={spec.metric: sum(not one.met[spec.metric] for one in verdicts) for spec in specs},
        failures=dict(Counter(str(one.failure) for one in results if one.failure is not None)),
        spreads={
            name: spread([found[name] for found in metrics if name in found])
            for name in dict.fromkeys(name for found in metrics for name in found)
        },
    )


def confidence_interval(passed: int, samples: int) -> tuple[float, float]:
    """Bounds of a share at 95 % confidence (Clopper and Pearson, Biometrika 26, 1934).

    They hold at least that often for every true share, also for 0 or all of `samples`.
    """
    from scipy.special import betaincinv  # takes 0.3 s to import: not for `ado --help`

    tail = (1 - CONFIDENCE) / 2
    missed = samples - passed
    low = float(betaincinv(passed, missed + 1, tail)) if passed else 0.0
    high = float(betaincinv(passed + 1, missed, 1 - tail)) if missed else 1.0
    return low, high


def spread(values: Sequence[float | None]) -> Spread:
    """How the values spread; None is left out."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return Spread(0, None, None, {}, None, None)
    return Spread(
        measured=len(known),
        mean=statistics.fmean(known),
        sigma=statistics.stdev(known) if len(known) > 1 else None,
        percentiles={percent: _percentile(known, percent) for percent in PERCENTILES},
        low=known[0],
        high=known[-1],
    )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Linear between the values, the first of which is at 0 % and the last at 100 %."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _sample(seed: int, index: int) -> int:
    """A seed that is not 0 and that a float keeps exactly."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return 1 + (int.from_bytes(digest[:8], "big") >> 12)
