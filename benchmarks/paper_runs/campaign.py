"""Which runs are wanted, and what those that are finished came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ado_service.store.store import Store
from benchmarks.paper_runs.arms import ARMS
from benchmarks.paper_runs.on_record import OnRecord, Wanted
from benchmarks.paper_runs.result import Result, read_result


@dataclass(frozen=True, slots=True)
class Campaign:
    """All runs that are wanted: every arm on every circuit from every seed.

    Attributes:
        circuits, arms, seeds: of the runs.
        budget: see `Arm.simulations`.
        profile: of the LLM that arms ask; None where none does, or for recorded runs of any.
        model: behind the profile; None likewise.
    """

    circuits: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: int
    profile: str | None = None
    model: str | None = None

    def wanted(self) -> Iterator[Wanted]:
        """All of them, seed by seed, so that every arm is at the same seed at any time."""
        for seed in self.seeds:
            for circuit in self.circuits:
                yield from (self._one(circuit, arm, seed) for arm in self.arms)

    def of(self, arms: Sequence[str]) -> Campaign:
        """The same for these arms."""
        return replace(self, arms=tuple(arms))

    def results(self, store: Store) -> list[Result]:
        """What the finished ones came to."""
        record = OnRecord.read(store)
        found = (record.finished(wanted) for wanted in self.wanted())
        return [read_result(store, run) for run in found if run is not None]

    def _one(self, circuit: str, arm: str, seed: int) -> Wanted:
        config = ARMS[arm].config(seed, self.budget, self.profile)
        return Wanted(circuit, arm, config, self.model if ARMS[arm].needs_llm else None)
