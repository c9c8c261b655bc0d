"""From results to the rows that others rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from benchmarks.paper_runs.arms import ARMS
from benchmarks.paper_runs.comparisons import COMPARISONS, OVER_ALL, Comparison
from benchmarks.paper_runs.published import PUBLISHED
from benchmarks.paper_runs.replays import Replay
from benchmarks.paper_runs.result import LlmUse, Result
from benchmarks.peer_runs.bootstrap import median_ratio
from benchmarks.report import Row
from circuits.loader import load_circuit

Pair = tuple[list[Result], list[Result]]


@dataclass(frozen=True)
class Field:
    """All results.

    Attributes:
        results: in any order.
        replays: of runs among them.
        currency: of what the model cost.
    """

    results: Sequence[Result]
    replays: Sequence[Replay] = ()
    currency: str = ""

    @property
    def circuits(self) -> list[str]:
        """That have results."""
        return list(dict.fromkeys(one.circuit for one in self.results))

    def of(self, circuit: str, arm: str) -> list[Result]:
        """An arm's results on a circuit, by seed."""
        found = [one for one in self.results if (one.circuit, one.arm) == (circuit, arm)]
        return sorted(found, key=lambda one: one.seed)

    def paired(self, circuit: str, ours: str, peer: str) -> Pair:
        """Results of two arms on the seeds that both have."""
        mine, theirs = self.of(circuit, ours), self.of(circuit, peer)
        seeds = {one.seed for one in mine} & {one.seed for one in theirs}
        return [one for one in mine if one.seed in seeds], [
            one for one in theirs if one.seed in seeds
        ]


def rows(field: Field) -> list[Row]:
    """Circuit by circuit: what each arm came to, then the arms against each other."""
    found: list[Row] = []
    for circuit in field.circuits:
        arms = [name for name in ARMS if field.of(circuit, name)]
        for name in arms:
            found += [_fom_row(field, circuit, name), _missed_row(field, circuit, name)]
        found += [
            _comparison_row(field, circuit, one)
            for one in COMPARISONS
            if field.paired(circuit, one.ours, one.peer)[0]
        ]
    return found + [row for name in OVER_ALL if (row := _row_over_all(field, name)) is not None]


def left_out(why: Mapping[tuple[str, str], str]) -> list[Row]:
    """A row for each circuit and arm without a run, so that nobody misses it unknowingly."""
    return [
        Row(
            name=f"fom/{circuit}/{arm}", ours=None, peer=None, peer_name="", unit="FOM", ratio=None,
            goal=None, holds=None, n=0, low=None, high=None,
            detail={"arm": ARMS[arm].label, "left_out": reason},
        )
        for (circuit, arm), reason in why.items()
    ]  # fmt: skip


def _fom_row(field: Field, circuit: str, arm: str) -> Row:
    results = field.of(circuit, arm)
    foms = [one.best_fom for one in results]
    published = PUBLISHED.get((circuit, arm))
    replayed = [one for one in field.replays if (one.circuit, one.arm) == (circuit, arm)]
    detail: dict[str, Any] = {
        "arm": ARMS[arm].label,
        "simulations": max(one.simulations for one in results),
        "fom": _spread(foms),
        "worst_fom": worst_fom(circuit),
        "best_by_seed": [round(fom, 3) for fom in foms],
        "feasible_seeds": sum(one.first_feasible is not None for one in results),
        "first_feasible": [one.first_feasible for one in results],
        "designs_by": _summed(results),
        "best_by": dict(Counter(one.best_by for one in results)),
        "seconds": round(median(one.seconds for one in results), 1),
        "propose_seconds": round(median(one.propose_seconds for one in results), 1),
    }
    used = [one.llm for one in results if one.llm is not None]
    if used:
        detail["llm"] = _use(used, field.currency)
    if replayed:
        detail["replayed"] = _replayed(replayed)
    if published is not None:
        detail["published"] = {**published._asdict(), "process": "the authors' own, closed"}
    if any(one.other_code for one in results):
        detail["other_code"] = sorted({name for one in results for name in one.commits})
    return Row(
        name=f"fom/{circuit}/{arm}", ours=median(foms), peer=None, peer_name="", unit="FOM",
        ratio=None, goal=None, holds=None, n=len(foms), low=None, high=None, detail=detail,
    )  # fmt: skip


def _missed_row(field: Field, circuit: str, arm: str) -> Row:
    """Of the best design; a ratio of counts of nought to five means nothing."""
    missed = [one.specs_missed for one in field.of(circuit, arm)]
    return Row(
        name=f"specs-missed/{circuit}/{arm}", ours=median(missed), peer=None, peer_name="",
        unit="specs", ratio=None, goal=None, holds=None, n=len(missed), low=None, high=None,
        detail={"by_seed": missed},
    )  # fmt: skip


def _comparison_row(field: Field, circuit: str, comparison: Comparison) -> Row:
    """Medians over the seeds that both have; the ratio is of gains over the worst FOM there is."""
    ours, theirs = field.paired(circuit, comparison.ours, comparison.peer)
    mine, other = ([one.best_fom for one in side] for side in (ours, theirs))
    ratio, low, high = _ratio_of_gains(mine, other, worst_fom(circuit))
    pairs = list(zip(ours, theirs, strict=True))
    detail = {
        "says": comparison.says,
        "starts": _starts(comparison, pairs),
        "simulations": [max(one.simulations for one in side) for side in (ours, theirs)],
        "seeds_won": sum(a.best_fom > b.best_fom for a, b in pairs),
        "seeds_lost": sum(a.best_fom < b.best_fom for a, b in pairs),
        "specs_missed": [median(one.specs_missed for one in side) for side in (ours, theirs)],
        "feasible_seeds": [
            sum(one.first_feasible is not None for one in side) for side in (ours, theirs)
        ],
        "first_feasible": [[one.first_feasible for one in side] for side in (ours, theirs)],
    }
    return Row(
        name=comparison.row_name(circuit), ours=median(mine), peer=median(other),
        peer_name=ARMS[comparison.peer].label, unit="FOM", ratio=ratio, goal=comparison.goal,
        holds=None if comparison.goal is None else median(mine) > median(other), n=len(pairs),
        low=low, high=high, detail=detail,
    )  # fmt: skip


def _row_over_all(field: Field, name: str) -> Row | None:
    """Pairs (of a circuit and a seed) that an arm wins: figures of merit of circuits do not add."""
    mine, its = OVER_ALL[name]
    sides = [field.paired(circuit, mine, its) for circuit in field.circuits]
    pairs = [pair for ours, theirs in sides for pair in zip(ours, theirs, strict=True)]
    won, lost = (sum(sign * a.best_fom > sign * b.best_fom for a, b in pairs) for sign in (1, -1))
    if not pairs:
        return None
    return Row(
        name=name, ours=won, peer=lost, peer_name=ARMS[its].label, unit="pairs won",
        ratio=won / lost if lost else None, goal=1.0, holds=won > lost, n=len(pairs), low=None,
        high=None, detail={"ours": ARMS[mine].label, "even": len(pairs) - won - lost},
    )  # fmt: skip


def worst_fom(circuit: str) -> float:
    """The FOM of a design that misses every spec."""
    return sum(spec.penalty for spec in load_circuit(circuit).specs())


def _ratio_of_gains(
    ours: Sequence[float], theirs: Sequence[float], worst: float
) -> tuple[float | None, float | None, float | None]:
    """Our median gain over theirs, and a 95% bootstrap interval of it; gains may be zero."""
    gains, others = ([fom - worst for fom in side] for side in (ours, theirs))
    if min(others) <= 0:
        return None, None, None
    return median_ratio([others], [gains])


def _starts(comparison: Comparison, pairs: Sequence[tuple[Result, Result]]) -> str:
    """Whether the pair started from the same designs, as they are on record."""
    same = sum(a.start == b.start for a, b in pairs)
    kinds = [ARMS[name].start.value for name in (comparison.ours, comparison.peer)]
    if same == 0:
        return f"not matched: {kinds[0]} against {kinds[1]}"
    return f"{kinds[0]}, the same designs in {same} of {len(pairs)} seeds"


def _summed(results: Sequence[Result]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in results:
        total.update(one.designs_by)
    return dict(sorted(total.items()))


def _use(used: Sequence[LlmUse], currency: str) -> dict[str, Any]:
    """Of all seeds together; initial turns that arms share count in each."""
    return {
        "models": sorted({one.model for one in used}),
        "turns": sum(one.turns for one in used),
        "failed_turns": sum(one.failed_turns for one in used),
        "calls": sum(one.calls for one in used),
        "tokens": sum(one.tokens for one in used),
        "cost": round(sum(one.cost for one in used), 6),
        "currency": currency or "that of the profile",
        "seconds": round(sum(one.seconds for one in used), 1),
    }


def _replayed(replays: Sequence[Replay]) -> dict[str, Any]:
    differing = {one.seed: one.first_difference for one in replays}
    return {
        "runs": len(replays),
        "same_designs": sum(one.first_difference is None for one in replays),
        "first_difference": {
            f"seed {seed}": place for seed, place in differing.items() if place is not None
        },
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"median": round(values[0], 3)}
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return {"q1": round(low, 3), "median": round(middle, 3), "q3": round(high, 3)}
