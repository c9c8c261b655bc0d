"""The ADO-LLM loop: initialise, propose, simulate, record, repeat."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from ado_service.credit import Tried
from ado_service.job_config import JobConfig
from ado_service.ledger import Entry, Ledger
from ado_service.proposers.protocol import History, Observation, Proposal
from ado_service.stages import Stage, Stages
from circuits.definition import Circuit
from circuits.fom import judge
from circuits.shortfall import shortfall
from circuits.spec import Spec
from simulators.corners import worst_corner
from simulators.protocol import Simulator
from simulators.result import FailureKind, SimulationResult

_LIMIT_OF_EMPTY_ROUNDS = 3
"""Rounds without a new design after which the design space counts as used up."""
_KILLED = {FailureKind.TIMEOUT, FailureKind.SIMULATOR_CRASH, FailureKind.LOST_WORKER}
"""Failures of which a verifier has nothing to say."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One sizing job, from its first design to its last.

    The state is the ledger's: a loop that is started again on the ledger of one that was killed
    walks through the same stages, takes the designs that are on record instead of proposing them,
    simulates those that were pending, and goes on. Random state derives from (seed, round,
    stage), so it then proposes what the undisturbed run would have proposed.

    Attributes:
        circuit: what is sized.
        config: budget, batch, seed and method.
        specs: what is asked for.
        stages: who proposes what in which round.
        simulator: measures the designs.
        ledger: the record of the job.
        verifier: measures a design that would be the best so far once more, and that result
            counts; None where the simulator's own results are final. So the best design on
            record is always one that the verifier measured.
        prior: designs of earlier jobs, see `History.prior`; the same ones when it is resumed.
    """

    circuit: Circuit
    config: JobConfig
    specs: tuple[Spec, ...]
    stages: Stages
    simulator: Simulator
    ledger: Ledger
    verifier: Simulator | None = None
    prior: tuple[Observation, ...] = ()

    def run(self) -> History:
        """Run to the end: budget used up, or (see `JobConfig.ends_when_feasible`) all specs met.

        Raises:
            Stopped: the ledger says so; what was done is on record.
            ObjectiveError: the circuit cannot serve the job's objective.
        """
        known = _by_stage(self.ledger.entries())
        history = self._rounds(known)
        _all_found(known)
        return history

    def _rounds(self, known: dict[tuple[int, str], list[Entry]]) -> History:
        """Round after round; takes out of `known` what it finds on record."""
        objective = self.config.objective.resolved(self.circuit, self.specs)
        history = History(self.circuit, self.specs, objective=objective, prior=self.prior)
        tried: list[Tried] = []
        empty_rounds = 0
        for round_number in count():
            before = len(history.observations)
            size = self.stages.round_size(round_number)
            for stage in self.stages.of_round(round_number, tuple(tried)):
                left = before + size - len(history.observations)
                batch, history = self._stage(round_number, stage, left, history, known)
                tried += _tried(batch, history)
                if self._ended(history):
                    return history
            empty_rounds = 0 if len(history.observations) > before else empty_rounds + 1
            if empty_rounds == _LIMIT_OF_EMPTY_ROUNDS:
                self.ledger.event("note", {"message": "no new design is left to try"})
                return history
        raise AssertionError("count() does not end")

    def _stage(
        self,
        round_number: int,
        stage: Stage,
        left: int,
        history: History,
        known: dict[tuple[int, str], list[Entry]],
    ) -> tuple[list[Entry], History]:
        """Propose the stage's designs, unless they are on record, and simulate them."""
        wanted = min(stage.size(left), self.config.budget - len(history.observations))
        batch = known.pop((round_number, stage.name), [])
        if wanted < 1 and not batch:
            return [], history
        if not batch or any(entry.observation is None for entry in batch):
            self.ledger.check()
        started = time.monotonic()
        if batch:
            self.stages.came_from_record(round_number, stage, len(batch))
        else:
            batch = self._propose(round_number, stage, wanted, history)
        proposed = time.monotonic()
        fresh = any(entry.observation is None for entry in batch)
        history = self._simulate(batch, history)
        if fresh:  # a resumed job tells each stage once
            self._tell(round_number, stage, history, proposed - started, proposed)
        return batch, history

    def _propose(
        self, round_number: int, stage: Stage, wanted: int, history: History
    ) -> list[Entry]:
        seed = derive_seed(self.config.seed, round_number, stage.name)
        proposals = stage.proposer.propose(history, wanted, seed)
        return self.ledger.add(round_number, stage.name, proposals) if proposals else []

    def _simulate(self, batch: Sequence[Entry], history: History) -> History:
        """The history with the batch's designs, all of them, by index."""
        pending = [entry for entry in batch if entry.observation is None]
        seen = {entry.index: entry.observation for entry in batch}
        best = _best([*history.observations, *seen.values()])
        for place, result in self.simulator.stream([entry.proposal.values for entry in pending]):
            entry = pending[place]
            result, observation = self._measured(entry, result, best)
            self.ledger.finish(entry, result, observation)
            seen[entry.index] = observation
            best = _best([best, observation])
        done = tuple(found for _, found in sorted(seen.items()) if found is not None)
        return replace(history, observations=(*history.observations, *done))

    def _measured(
        self, entry: Entry, result: SimulationResult, best: Observation | None
    ) -> tuple[SimulationResult, Observation]:
        """What is put on record of a design; the verifier's word on one that may be the best."""
        found = observe(entry.proposal, result, self.specs)
        leads = best is None or found.verdict.rank >= best.verdict.rank
        if self.verifier is None or not leads or result.failure in _KILLED:
            return result, found
        [verified] = self.verifier.run([entry.proposal.values])
        seen = observe(entry.proposal, verified, self.specs)
        before, after = found.verdict, seen.verdict
        if (before.specs_met, before.feasible) != (after.specs_met, after.feasible):
            message = (
                f"design {entry.index} met {before.specs_met} specs when altered in place, "
                f"{after.specs_met} when reloaded; the latter counts"
            )
            self.ledger.event("note", {"message": message})
        return verified, seen

    def _ended(self, history: History) -> bool:
        if len(history.observations) >= self.config.budget:
            return True
        best = history.best
        return self.config.ends_when_feasible and best is not None and best.verdict.feasible

    def _tell(
        self, round_number: int, stage: Stage, history: History, propose: float, proposed: float
    ) -> None:
        best = history.best
        self.ledger.event(
            "round",
            {
                "round": round_number,
                "stage": stage.name,
                "simulations": len(history.observations),
                "best_fom": None if best is None else best.verdict.fom,
                "specs_met": 0 if best is None else best.verdict.specs_met,
                "propose_seconds": propose,
                "simulate_seconds": time.monotonic() - proposed,
            },
        )


def _tried(batch: Sequence[Entry], history: History) -> list[Tried]:
    """What credit has to know of the batch that `history` ends with."""
    ordered = sorted(batch, key=lambda entry: entry.index)
    seen = history.observations[len(history.observations) - len(ordered) :]
    return [
        Tried(
            entry.index,
            entry.round,
            entry.proposal.proposer,
            (*one.verdict.rank, -shortfall(one.metrics, history.specs)),
            history.objective.gains(one.metrics) if one.verdict.feasible else None,
        )
        for entry, one in zip(ordered, seen, strict=True)
    ]


def _best(seen: Iterable[Observation | None]) -> Observation | None:
    """The best of those that there are."""
    known = (one for one in seen if one is not None)
    return max(known, key=lambda one: one.verdict.rank, default=None)


def derive_seed(seed: int, round_number: int, stage: str) -> int:
    """A 63-bit seed of its own for each (job seed, round, stage)."""
    text = f"{seed}/{round_number}/{stage}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def observe(proposal: Proposal, result: SimulationResult, specs: Sequence[Spec]) -> Observation:
    """What proposers get to know of a simulated design: its worst corner."""
    metrics = worst_corner(result, specs)
    devices = next((found.devices for found in result.corners.values()), {})
    return Observation(
        values=proposal.values,
        metrics=metrics,
        verdict=judge(metrics, specs, result.skipped),
        regions={path: str(point.region) for path, point in devices.items()},
        failure=None if result.failure is None else str(result.failure),
    )


def _all_found(known: Mapping[tuple[int, str], list[Entry]]) -> None:
    """A design on record that no stage asked for means that the job is run as another one."""
    if known:
        raise RuntimeError(f"the record has stages that this job does not: {sorted(known)}")


def _by_stage(entries: Sequence[Entry]) -> dict[tuple[int, str], list[Entry]]:
    stages: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        stages.setdefault((entry.round, entry.stage), []).append(entry)
    return stages
