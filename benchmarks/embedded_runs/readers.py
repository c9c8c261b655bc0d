"""Whether the model reads its demonstrations: proposals after the best ones, any ones, none."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.embedded_runs.asked import Question, answered, judged, model
from circuits.fom import Verdict
from circuits.loader import load_circuit
from circuits.spec import Spec
from prompts.demonstration import Demonstration
from simulators.protocol import Simulator

SHOWN = 5
_POOL = 50
_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Reading:
    """Mean figures of merit of the proposals for one spec set.

    Attributes:
        circuit, exam: whose specs.
        top, random, none: after the best five of a pool of random designs, after any five of it,
            and after none.
        pool: of the random designs themselves.
        better: share of the proposals after the best five that are better than all of them.
    """

    circuit: str
    exam: int
    top: float
    random: float
    none: float
    pool: float
    better: float


def read(name: str, exams: Sequence[int], proposals: int, folder: Path | None) -> list[Reading]:
    """A reading of each of a circuit's spec sets, `proposals` designs for each prompt."""
    from ado_service.local_llm.pretrain.exams import spec_sets
    from simulators.ngspice.simulator import NgspiceSimulator

    circuit = load_circuit(name)
    sets = spec_sets(circuit)
    found = []
    with model(folder) as engine, NgspiceSimulator(circuit, processes=1) as simulator:
        for exam in exams:
            specs = sets[exam % len(sets)]
            pool = _pool(simulator, circuit.name, specs, exam)
            fom: dict[str, float] = {}
            better = 0.0
            for arm, shown in _shown(pool, exam).items():
                asked = Question(circuit, specs, tuple(one for one, _ in shown))
                told = [
                    answered(engine, asked, 1000 * exam + seed, _TEMPERATURE)
                    for seed in range(proposals)
                ]
                verdicts = [
                    verdict
                    for _, verdict in judged(simulator, [one.designs[0] for one in told], specs)
                ]
                fom[arm] = _mean(verdicts)
                if arm == "top":
                    best = max(verdict.rank for _, verdict in shown)
                    better = sum(one.rank > best for one in verdicts) / len(verdicts)
            everyone = _mean([verdict for _, verdict in pool])
            found.append(
                Reading(name, exam, fom["top"], fom["random"], fom["none"], everyone, better)
            )
    return found


Judged = list[tuple[Demonstration, Verdict]]


def _pool(simulator: Simulator, name: str, specs: Sequence[Spec], seed: int) -> Judged:
    circuit = load_circuit(name)
    rng = random.Random(seed)  # noqa: S311 (no secret)
    points = [[rng.random() for _ in circuit.variables] for _ in range(_POOL)]
    return judged(simulator, [circuit.from_unit(point) for point in points], specs)


def _shown(pool: Judged, seed: int) -> Mapping[str, Judged]:
    ranked = sorted(pool, key=lambda one: one[1].rank, reverse=True)
    some = random.Random(seed).sample(pool, SHOWN)  # noqa: S311 (no secret)
    return {
        "top": ranked[:SHOWN],
        "random": sorted(some, key=lambda one: one[1].rank, reverse=True),
        "none": [],
    }


def _mean(verdicts: Sequence[Verdict]) -> float:
    return sum(one.fom for one in verdicts) / len(verdicts)
