"""What one run came to, as a line of JSON."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """A design that was better than all before it: a feasible one, or one of larger FOM.

    Attributes:
        simulation: its number, from 1.
        fom: its figure of merit.
        specs_met: how many specs it meets.
    """

    simulation: int
    fom: float
    specs_met: int


@dataclass(frozen=True, slots=True)
class Record:
    """One run of one method on one circuit.

    Attributes:
        circuit, method, seed: whose run it is.
        budget: simulations that it might have used; `simulations` are those that it did.
        full: whether it went on after the first design that meets all specs.
        first_feasible: number of that design, from 1; None where there was none.
        steps: the best design so far, each time that it changed.
        rounds: batches proposed, the initial one not counted.
        propose_seconds: CPU seconds of the method in all of them.
        seconds: wall clock of the run, simulations included.
        faults: what the method raised; its round was then filled with random points.
        fingerprint: of all that decides the course of the run (`benchmarks.peer_runs.fingerprint`).
        provenance: simulator, commit, machine, date and versions.
    """

    circuit: str
    method: str
    seed: int
    budget: int
    full: bool
    simulations: int
    first_feasible: int | None
    steps: tuple[Step, ...]
    rounds: int
    propose_seconds: float
    seconds: float
    faults: tuple[str, ...] = ()
    fingerprint: str = ""
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def to_specs(self) -> int:
        """Simulations to all specs; the whole budget where the run never got there."""
        return self.budget if self.first_feasible is None else self.first_feasible

    @property
    def seconds_per_round(self) -> float:
        """CPU seconds that the method took a round."""
        return self.propose_seconds / max(self.rounds, 1)

    def feasible_by(self, simulations: int) -> bool:
        """Whether a design met all specs by then."""
        return self.first_feasible is not None and self.first_feasible <= simulations

    def best_fom(self, simulations: int) -> float:
        """FOM of the best design by then, feasible ones before others."""
        return [step.fom for step in self.steps if step.simulation <= simulations][-1]
