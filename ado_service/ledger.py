"""The seam between the loop and the record of its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ado_service.proposers.protocol import Observation, Proposal
from simulators.result import SimulationResult


@dataclass(frozen=True, slots=True)
class Entry:
    """A design of the job: proposed, and once it was simulated, observed.

    Attributes:
        key: what the record knows it by.
        index: place in the job's order, from 0.
        round: round it belongs to; 0 for the initial designs.
        stage: which part of the round asked for it.
        proposal: what is to be simulated.
        observation: what came out; None while it is pending.
    """

    key: int
    index: int
    round: int
    stage: str
    proposal: Proposal
    observation: Observation | None = None


class Stopped(Exception):  # noqa: N818 - it is no error, the user asked for it
    """The job is to pause or to be cancelled, or this runner no longer owns it."""


class Ledger(Protocol):
    """The record of one job. All that a resume needs is in it.

    Contract: what a method wrote is durable when it returns. `add` writes all designs of a stage
    or none. Any method raises `Stopped` when the runner should end; nothing was written then.
    """

    def entries(self) -> list[Entry]:
        """All designs of the job, by index."""
        ...

    def add(self, round_number: int, stage: str, proposals: Sequence[Proposal]) -> list[Entry]:
        """Write designs as pending, before they are simulated."""
        ...

    def finish(self, entry: Entry, result: SimulationResult, seen: Observation) -> None:
        """Write what became of a pending design."""
        ...

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write something worth knowing."""
        ...

    def check(self) -> None:
        """Raise `Stopped` when the user wants the job to pause or to end."""
        ...


class MemoryLedger:
    """A record in memory, for tests and benchmarks that need no database."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def entries(self) -> list[Entry]:
        """See `Ledger`."""
        return list(self._entries)

    def add(self, round_number: int, stage: str, proposals: Sequence[Proposal]) -> list[Entry]:
        """See `Ledger`."""
        first = len(self._entries)
        new = [
            Entry(first + place, first + place, round_number, stage, proposal)
            for place, proposal in enumerate(proposals)
        ]
        self._entries += new
        return new

    def finish(self, entry: Entry, result: SimulationResult, seen: Observation) -> None:
        """See `Ledger`."""
        del result
        done = Entry(entry.key, entry.index, entry.round, entry.stage, entry.proposal, seen)
        self._entries[entry.index] = done

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """See `Ledger`."""
        self.events.append((kind, dict(data)))

    def check(self) -> None:
        """See `Ledger`; nobody stops this job."""
