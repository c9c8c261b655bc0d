"""From records to the rows that others rely on: simulations to all specs, and who meets them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from statistics import median
from typing import Any

from benchmarks.peer_methods.registry import METHODS, Kind
from benchmarks.peer_runs.bootstrap import mean_interval, median_ratio
from benchmarks.peer_runs.field import Field, Runs, geometric_mean
from benchmarks.peer_runs.record import Record
from benchmarks.report import Row

CHECKPOINTS = (50, 105, 205)
"""Simulations at which runs are looked at: the paper's 5 + 20 x 5, its half, and its double."""
_ALL_GOAL = {Kind.OFF_THE_SHELF: 2.0, Kind.RESEARCH: 1 / 0.7}
_CIRCUIT_GOAL = 1 / 0.8
_WON_GOAL = 0.75
_PAPER = ("two_stage_amplifier", "hysteresis_comparator")
_PAPER_SHARE = 0.9
_PAPER_BUDGET = 105


def rows(field: Field) -> list[Row]:
    """Every row that runs give, circuit by circuit, the total last."""
    found: list[Row] = []
    for circuit in field.circuits:
        best = field.best_off_the_shelf(circuit)
        found += [_circuit_row(field, circuit, peer, best) for peer in _against(field, circuit)]
    found += [_all_row(field, peer) for peer in field.peers]
    found += _won_row(field)
    for circuit in (*field.circuits, "all"):
        found += [_feasible_row(field, circuit, name) for name in (field.ours, *field.peers)
                  if field.runs(circuit, name)]  # fmt: skip
    return found


def left_out(field: Field, why: dict[str, str]) -> list[Row]:
    """A row for each peer that could not run here, so that nobody takes it for beaten."""
    ours = field.runs("all", field.ours)
    return [
        Row(
            name=f"sims-to-specs/all/{name}", ours=median(run.to_specs for run in ours), peer=None,
            peer_name=METHODS[name].label, unit="simulations", ratio=None, goal=None, holds=None,
            n=len(ours), low=None, high=None, detail={"left_out": reason},
        )
        for name, reason in why.items()
    ]  # fmt: skip


def _against(field: Field, circuit: str) -> list[str]:
    """Peers that share seeds with ours on the circuit."""
    return [peer for peer in field.peers if field.paired(circuit, peer)[0]]


def _circuit_row(field: Field, circuit: str, peer: str, best: str | None) -> Row:
    """The goal stands in the row of the best off-the-shelf peer alone."""
    ours, theirs = field.paired(circuit, peer)
    goal = _CIRCUIT_GOAL if peer == best else None
    detail = {
        "best_off_the_shelf": peer == best,
        "ours_by_seed": [run.first_feasible for run in ours],
        "peer_by_seed": [run.first_feasible for run in theirs],
    }
    return _sims_row(f"sims-to-specs/{circuit}/{peer}", peer, [ours], [theirs], goal, detail)


def _all_row(field: Field, peer: str) -> Row:
    """Over the runs of all circuits, each seed of each circuit one figure."""
    pairs = [field.paired(circuit, peer) for circuit in field.circuits]
    pairs = [pair for pair in pairs if pair[0]]
    ratios = [median(map(_sims, theirs)) / median(map(_sims, ours)) for ours, theirs in pairs]
    detail = {"circuits": len(pairs), "mean_of_circuit_ratios": round(geometric_mean(ratios), 3)}
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    goal = _ALL_GOAL.get(METHODS[peer].kind)
    return _sims_row(f"sims-to-specs/all/{peer}", peer, ours, theirs, goal, detail)


def _sims_row(
    name: str,
    peer: str,
    ours: Sequence[Runs],
    theirs: Sequence[Runs],
    goal: float | None,
    detail: dict[str, Any],
) -> Row:
    """Medians of the simulations to all specs; `ours` and `theirs` are by circuit."""
    mine = [[_sims(run) for run in runs] for runs in ours]
    other = [[_sims(run) for run in runs] for runs in theirs]
    ratio, low, high = median_ratio(mine, other)
    never = [sum(run.first_feasible is None for runs in side for run in runs)
             for side in (ours, theirs)]  # fmt: skip
    detail = {"ours_never": never[0], "peer_never": never[1], **detail}
    if ratio < 1:
        detail["winner"] = METHODS[peer].label
    return Row(
        name=name, ours=median(chain(*mine)), peer=median(chain(*other)),
        peer_name=METHODS[peer].label, unit="simulations", ratio=ratio, goal=goal,
        holds=None if goal is None else ratio >= goal, n=sum(map(len, mine)),
        low=low, high=high, detail=detail,
    )  # fmt: skip


def _won_row(field: Field) -> list[Row]:
    """Share of circuits on which ours needs at most 0.8 of the best off-the-shelf peer's."""
    ratios = {}
    for circuit in field.circuits:
        best = field.best_off_the_shelf(circuit)
        if best is not None and field.paired(circuit, best)[0]:
            ours, theirs = field.paired(circuit, best)
            ratios[circuit] = median(map(_sims, theirs)) / median(map(_sims, ours))
    if not ratios:
        return []
    share = sum(ratio >= _CIRCUIT_GOAL for ratio in ratios.values()) / len(ratios)
    return [
        Row(
            name="sims-to-specs/circuits-won", ours=share, peer=_WON_GOAL,
            peer_name="goal: ratio 1.25 to the best off the shelf", unit="share of circuits",
            ratio=share / _WON_GOAL, goal=1.0, holds=share >= _WON_GOAL, n=len(ratios), low=None,
            high=None, detail={name: round(ratio, 3) for name, ratio in ratios.items()},
        )
    ]  # fmt: skip


def _feasible_row(field: Field, circuit: str, name: str) -> Row:
    """Share of seeds with all specs met by 105 simulations; ours has a goal on the paper's two."""
    runs = field.runs(circuit, name)
    mine, share = map(_by_105, field.all_paired(circuit, name))
    peer: float | None = share
    goal, label = None, METHODS[name].label
    if name == field.ours:
        goal = 1.0 if circuit in _PAPER and _might_reach(runs, _PAPER_BUDGET) else None
        peer, label = (_PAPER_SHARE, "goal") if goal else (None, "")
    return Row(
        name=f"feasible-105/{circuit}/{name}", ours=mine, peer=peer, peer_name=label,
        unit="share of seeds", ratio=mine / peer if peer else None, goal=goal,
        holds=None if goal is None else mine >= _PAPER_SHARE, n=len(runs), low=None, high=None,
        detail=_summary(runs),
    )  # fmt: skip


def _might_reach(runs: Runs, simulations: int) -> bool:
    return min(run.budget for run in runs) >= simulations


def _by_105(runs: Runs) -> float:
    return sum(run.feasible_by(_PAPER_BUDGET) for run in runs) / len(runs)


def _summary(runs: Runs) -> dict[str, Any]:
    """A method on a circuit: when its seeds got there, its best FOM, and what it cost."""
    budget = min(run.budget for run in runs)
    shares = {f"by_{n}": _share(runs, n) for n in CHECKPOINTS if n <= budget}
    by_105 = mean_interval([float(run.feasible_by(105)) for run in runs])
    detail: dict[str, Any] = {
        **shares,
        "by_105_95%": [round(bound, 3) for bound in by_105],
        "median_sims_to_specs": median(map(_sims, runs)),
        "best_fom_median": round(median(run.best_fom(budget) for run in runs), 4),
        "best_fom_of": "the whole budget" if all(run.full for run in runs) else "until all met",
        "propose_seconds_per_round": round(median(run.seconds_per_round for run in runs), 3),
    }
    faults = [fault for run in runs for fault in run.faults]
    return {**detail, "faults": sorted(set(faults))} if faults else detail


def _share(runs: Runs, simulations: int) -> float:
    return round(sum(run.feasible_by(simulations) for run in runs) / len(runs), 3)


def _sims(run: Record) -> int:
    return run.to_specs
