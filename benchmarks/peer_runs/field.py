"""All records of the comparison that stand, by circuit and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median

from benchmarks.peer_methods.registry import METHODS, Kind
from benchmarks.peer_runs.record import Record

Runs = Sequence[Record]


@dataclass(frozen=True, slots=True)
class Field:
    """Who ran on what.

    Attributes:
        ours: name of the method that is ours.
        records: by circuit and method; a method without runs may be absent.
    """

    ours: str
    records: Mapping[str, Mapping[str, Runs]]

    @property
    def circuits(self) -> list[str]:
        """Circuits on which ours has runs."""
        return [name for name, by_method in self.records.items() if by_method.get(self.ours)]

    @property
    def peers(self) -> list[str]:
        """Methods other than ours that have runs."""
        return [
            name
            for name in METHODS
            if name != self.ours and any(self.records[one].get(name) for one in self.circuits)
        ]

    def paired(self, circuit: str, peer: str) -> tuple[list[Record], list[Record]]:
        """(ours, the peer's) of the seeds that both have."""
        ours = {run.seed: run for run in self.records[circuit].get(self.ours, ())}
        theirs = {run.seed: run for run in self.records[circuit].get(peer, ())}
        seeds = sorted(set(ours) & set(theirs))
        return [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]

    def all_paired(self, circuit: str, peer: str) -> tuple[list[Record], list[Record]]:
        """As `paired`; over all circuits, one after the other, where `circuit` is `all`."""
        names = self.circuits if circuit == "all" else [circuit]
        pairs = [self.paired(name, peer) for name in names]
        return [run for mine, _ in pairs for run in mine], [run for _, its in pairs for run in its]

    def runs(self, circuit: str, method: str) -> Runs:
        """Of a method on a circuit, or on all where `circuit` is `all`."""
        if circuit != "all":
            return self.records[circuit].get(method, ())
        return [run for one in self.circuits for run in self.records[one].get(method, ())]

    def best_off_the_shelf(self, circuit: str) -> str | None:
        """The peer a user could install that needs the fewest simulations; the first on a tie."""
        known = {
            name: median(run.to_specs for run in self.runs(circuit, name))
            for name in self.peers
            if METHODS[name].kind is Kind.OFF_THE_SHELF and self.runs(circuit, name)
        }
        return min(known, key=lambda name: known[name], default=None)


def geometric_mean(values: Sequence[float]) -> float:
    """Of positive values."""
    return float(prod(value ** (1 / len(values)) for value in values))
