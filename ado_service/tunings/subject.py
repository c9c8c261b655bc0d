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
from simulators.corners import worst_corner
from simulators.result import CornerResult, SimulationResult

Specs = tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A simulated design.

    Which corner is its worst one depends on the specs: on their directions, and on the corners in
    which they must hold. What its own job made of it is of no use under the specs of others.

    Attributes:
        values: variable values, SI units.
        result: metrics by corner, without devices, and what was not simulated.
        regions: operating region by device.
        failure: failure kind; None when all was measured.
    """

    values: Mapping[str, float]
    result: SimulationResult
    regions: Mapping[str, str]
    failure: str | None

    @classmethod
    def of(cls, design: DesignRecord, circuit: Circuit) -> Measured:
        """What is on record of it; a corner of the circuit without a result was skipped."""
        corners = {
            name: CornerResult(metrics=design.corners[name].metrics)
            for name in circuit.corner_names
            if name in design.corners
        }
        missing = [name for name in circuit.corner_names if name not in corners]
        skipped = (*(one for one in design.skipped if one not in missing), *missing)
        result = SimulationResult(corners=corners, skipped=skipped)
        return cls(design.values, result, design.regions, design.failure)

    @property
    def complete(self) -> bool:
        """Whether every metric is known in every corner."""
        corners = self.result.corners.values()
        values = [value for corner in corners for value in corner.metrics.values()]
        return self.failure is None and not self.result.skipped and None not in values

    def judged(self, specs: Specs) -> Observation:
        """How it stands under these specs, by its worst corner."""
        metrics = worst_corner(self.result, specs)
        verdict = judge(metrics, specs, self.result.skipped)
        return Observation(self.values, metrics, verdict, self.regions, self.failure)


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
        return [place for place, one in enumerate(self.designs) if one.complete]


def subject(
    circuit: Circuit, designs: Iterable[DesignRecord], spec_sets: Sequence[Specs]
) -> Subject:
    """What was simulated of `circuit`; near-copies count once, pending designs do not."""
    screen = Screen(circuit, ())
    found = [
        Measured.of(one, circuit)
        for one in designs
        if one.state is DesignState.DONE and screen.take(one.values) is not None
    ]
    return Subject(circuit, tuple(found), tuple(dict.fromkeys(spec_sets)))
