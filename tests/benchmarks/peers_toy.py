"""A circuit that needs no simulator: smooth metrics, a corner where nothing works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuits.definition import Circuit
from circuits.spec import Direction, Spec, SpecSet
from circuits.variable import Variable
from simulators.closing import Closing
from simulators.protocol import Values
from simulators.result import CornerResult, FailureKind, SimulationResult
from tests.prompts.circuit import small_circuit

TOP = 0.3
"""Where every metric is best, on each axis."""


def toy(limit: float = 1.0, size: int = 4) -> Circuit:
    """Specs that are met where gain is above `limit`; none is above 0, so that 1 is out of reach.

    The FOM is the gain (a quadratic with its top at 0) and constants.
    """
    above = Direction.ABOVE
    specs = (
        Spec(metric="gbw", direction=above, threshold=-99, norm=1, weight=1, penalty=-100),
        Spec(metric="gain", direction=above, threshold=limit, norm=1, weight=0.01, penalty=-1),
    )
    return small_circuit(
        variables=tuple(Variable(name=f"v{place}", low=0, high=1) for place in range(size)),
        device_groups=(),
        spec_sets=(SpecSet(name="default", specs=specs),),
    )


class ToySimulator(Closing):
    """Measures the toy; a design fails where its first variable is above 0.9.

    Attributes:
        measured: every design so far.
    """

    version = "toy-1"

    def __init__(self) -> None:
        self.measured: list[dict[str, float]] = []

    def run(self, designs: Sequence[Values]) -> list[SimulationResult]:
        self.measured += [dict(design) for design in designs]
        return [_result(design) for design in designs]

    def stream(self, designs: Sequence[Values]) -> Iterator[tuple[int, SimulationResult]]:
        yield from enumerate(self.run(designs))

    def close(self) -> None:
        pass


def _result(design: Values) -> SimulationResult:
    if design["v0"] > 0.9:
        nothing = CornerResult(metrics={"gain": None, "gbw": None, "power": None})
        return SimulationResult(corners={"nominal": nothing}, failure=FailureKind.NO_CONVERGENCE)
    gain = -sum((value - TOP) ** 2 for value in design.values())
    metrics = {"gain": gain, "gbw": gain, "power": 1.0}
    return SimulationResult(corners={"nominal": CornerResult(metrics=metrics)})
