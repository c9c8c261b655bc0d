"""What one proposal costs: the same trials told to every method, the same number asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.peer_methods.protocol import Task, Trial
from benchmarks.peer_methods.registry import METHODS
from benchmarks.peer_runs.contest import measure
from benchmarks.report import Row
from benchmarks.sample import anywhere
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator

CIRCUIT = "two_stage_amplifier"
_BATCH = 4
_GOALS = {"ax": 3.0, "hebo": 3.0}
_LIMIT = 4.0
"""Seconds that one proposal of ours may take from many trials."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        few, many: trials that are told.
        repeats: that count.
        warm_up: repeats that go first and do not count: they pay for imports.
    """

    few: int = 100
    many: int = 1_000
    repeats: int = 5
    warm_up: int = 1


def sample(count: int) -> list[Trial]:
    """Random designs of the two-stage amplifier, simulated; the first ones of a larger sample."""
    circuit = load_circuit(CIRCUIT)
    points = [tuple(circuit.to_unit(values)) for values in anywhere(circuit, count, 17)]
    with NgspiceSimulator(circuit) as simulator:
        return measure(Task(circuit, 0), simulator, points)


def proposal_seconds(name: str, trials: Sequence[Trial], sizes: Sizes) -> list[float]:
    """CPU seconds of a proposal of four designs, told all of `trials`, by repeat.

    Each repeat is a run of its own with another seed.
    """
    circuit = load_circuit(CIRCUIT)
    found = []
    for repeat in range(sizes.warm_up + sizes.repeats):
        method = METHODS[name].make(Task(circuit, repeat, batch=_BATCH))
        method.tell(trials)
        started = time.process_time()
        points = method.suggest(_BATCH)
        found.append(time.process_time() - started)
        if not points:
            raise RuntimeError(f"{name} proposed nothing; its time would mean nothing")
    return found[sizes.warm_up :]


def peer_row(ours: str, name: str, mine: list[float], theirs: list[float], count: int) -> Row:
    """`proposer-seconds/PEER`: the peer's time over ours; no goal for fewer trials than planned."""
    goal = _GOALS.get(name) if count >= Sizes().few else None
    ratio = median(theirs) / median(mine)
    detail = {"trials": count, "designs": _BATCH, "ours": METHODS[ours].label}
    return Row(
        name=f"proposer-seconds/{name}", ours=median(mine), peer=median(theirs),
        peer_name=METHODS[name].label, unit="CPU s", ratio=ratio, goal=goal,
        holds=None if goal is None else ratio >= goal, n=len(theirs),
        low=min(theirs) / max(mine), high=max(theirs) / min(mine), detail=detail,
    )  # fmt: skip


def limit_row(mine: list[float], count: int) -> Row:
    """`proposer-seconds/many-trials`: the limit over our time; the worst repeat must hold.

    The limit is for all the trials that are planned: fewer say nothing of it.
    """
    whole = count >= Sizes().many
    return Row(
        name="proposer-seconds/many-trials", ours=median(mine), peer=_LIMIT,
        peer_name="limit, kept by the worst", unit="CPU s", ratio=_LIMIT / median(mine),
        goal=1.0 if whole else None, holds=max(mine) < _LIMIT if whole else None, n=len(mine),
        low=_LIMIT / max(mine), high=_LIMIT / min(mine),
        detail={"trials": count, "designs": _BATCH},
    )  # fmt: skip
