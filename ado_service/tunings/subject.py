"""A circuit with the designs of jobs on it: what examples are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ado_service.proposers.protocol import Observation
from ado_service.proposers.screening import Screen
from ado_service.store.design_record import DesignRecord, DesignState
from circuits.definition import Circuit
from circuits.fom import judge
from circuits.spec import Spec

Specs = tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A simulated design.

    Attributes:
        values: variable values, SI units.
        metrics: of its worst corner, in their units; None where it could not be measured.
        regions: operating region by device.
        skipped: what was not simulated of it.
        failure: failure kind; None when all was measured.
    """

    values: Mapping[str, float]
    metrics: Mapping[str, float | None]
    regions: Mapping[str, str]
    skipped: tuple[str, ...]
    failure: str | None

    def judged(self, specs: Specs) -> Observation:
        """How it stands under these specs."""
        verdict = judge(self.metrics, specs, self.skipped)
        return Observation(self.values, self.metrics, verdict, self.regions, self.failure)


@dataclass(frozen=True, slots=True)
class Subject:
    """One version of a circuit.

    Attributes:
        circuit: its definition.
        designs: different ones, the oldest first; those that failed are among them.
        spec_sets: what the jobs asked for, each once.
    """

    circuit: Circuit
    designs: tuple[Measured, ...]
    spec_sets: tuple[Specs, ...]

    def answers(self) -> list[int]:
        """Places of the designs that can be answers: those of which everything is known."""
        names = [metric.name for metric in self.circuit.metrics]
        return [
            place
            for place, one in enumerate(self.designs)
            if one.failure is None
            and not one.skipped
            and all(one.metrics.get(name) is not None for name in names)
        ]


def subject(
    circuit: Circuit, designs: Iterable[DesignRecord], spec_sets: Sequence[Specs]
) -> Subject:
    """What was simulated of `circuit`; near-copies count once, pending designs do not."""
    screen = Screen(circuit, ())
    found = [
        Measured(one.values, one.metrics, one.regions, one.skipped, one.failure)
        for one in designs
        if one.state is DesignState.DONE and screen.take(one.values) is not None
    ]
    return Subject(circuit, tuple(found), tuple(dict.fromkeys(spec_sets)))
