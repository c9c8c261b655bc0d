"""One run: a method against a circuit, batch by batch, until all specs are met."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ado_service.loop import derive_seed, observe
from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.space_filling import RandomProposer
from benchmarks.peer_methods.protocol import PeerMethod, Point, Task, Trial, violations
from benchmarks.peer_runs.record import Record, Step
from simulators.protocol import Simulator


def initial_points(task: Task) -> list[Point]:
    """The random designs that a job of this seed starts from, for every method the same."""
    seed = derive_seed(task.seed, 0, "random")
    found = RandomProposer().propose(History(task.circuit, task.specs), task.initial, seed)
    return [tuple(task.circuit.to_unit(one.values)) for one in found]


def measure(task: Task, simulator: Simulator, points: Sequence[Point]) -> list[Trial]:
    """The trials of `points`, in their order."""
    proposals = [Proposal(task.circuit.from_unit(list(point)), "") for point in points]
    results = simulator.run([proposal.values for proposal in proposals])
    seen = [
        observe(proposal, result, task.specs)
        for proposal, result in zip(proposals, results, strict=True)
    ]
    return [
        Trial(point, one, violations(one, task.specs))
        for point, one in zip(points, seen, strict=True)
    ]


@dataclass
class Contest:
    """One run under way.

    Attributes:
        task: what is to be solved.
        make: gives the method.
        simulator: measures its points.
        budget: simulations at most.
        full: whether to go on when all specs are met.
    """

    task: Task
    make: Callable[[Task], PeerMethod]
    simulator: Simulator
    budget: int
    full: bool = False
    _trials: list[Trial] = field(default_factory=list)
    _steps: list[Step] = field(default_factory=list)
    _faults: list[str] = field(default_factory=list)
    _first: int | None = None
    _rounds: int = 0
    _cpu: float = 0.0

    def run(self, circuit: str, name: str) -> Record:
        """All of it; `circuit` and `name` of the method are for the record."""
        started = time.monotonic()
        method = self.make(self.task)
        self._told(method, initial_points(self.task)[: self.budget])
        while len(self._trials) < self.budget and (self.full or self._first is None):
            self._rounds += 1
            self._told(method, self._suggested(method))
        return Record(
            circuit=circuit,
            method=name,
            seed=self.task.seed,
            budget=self.budget,
            full=self.full,
            simulations=len(self._trials),
            first_feasible=self._first,
            steps=tuple(self._steps),
            rounds=self._rounds,
            propose_seconds=round(self._cpu, 3),
            seconds=round(time.monotonic() - started, 1),
            faults=tuple(dict.fromkeys(self._faults)),
        )

    def _suggested(self, method: PeerMethod) -> list[Point]:
        """The method's next points; random ones where it has none or raises."""
        n = min(self.task.batch, self.budget - len(self._trials))
        with self._watched():
            if found := method.suggest(n):
                return found
        rng = np.random.default_rng(derive_seed(self.task.seed, self._rounds, "instead"))
        return [tuple(row) for row in rng.random((n, self.task.dimension)).tolist()]

    def _told(self, method: PeerMethod, points: Sequence[Point]) -> None:
        trials = measure(self.task, self.simulator, points)
        with self._watched():
            method.tell(trials)
        for trial in trials:
            self._trials.append(trial)
            self._note(len(self._trials), trial)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Counts CPU time; what a method raises goes on record and does not end the run."""
        started = time.process_time()
        try:
            yield
        # A peer's bug must not end the comparison of all others.
        except Exception as error:
            self._faults.append(f"{type(error).__name__}: {error}"[:200])
        finally:
            self._cpu += time.process_time() - started

    def _note(self, number: int, trial: Trial) -> None:
        verdict = trial.observation.verdict
        if verdict.feasible and self._first is None:
            self._first = number
        best = max(self._trials[:-1], key=_rank, default=None)
        if best is None or _rank(trial) > _rank(best):
            self._steps.append(Step(number, round(verdict.fom, 6), verdict.specs_met))


def _rank(trial: Trial) -> tuple[bool, float]:
    return trial.observation.verdict.rank
