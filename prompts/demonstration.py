"""A demonstration: a design with what was measured, shown to the LLM as an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from circuits.definition import Circuit
from circuits.spec import Spec
from circuits.units import format_quantity, rounded, show_quantity

_DIGITS = 5
"""Significant digits of sizes and metrics: what is beyond tells a reader nothing, and costs."""
NOT_MEASURED = "could not be measured"
"""What is said of a metric without a value."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A simulated design.

    Attributes:
        values: variable values, SI units.
        metrics: metric values in their units; None or absent where they could not be measured.
        regions: operating region by device, such as {"xn1": "saturation"}.
        failure: failure kind of the simulation, None when all was measured.
    """

    values: Mapping[str, float]
    metrics: Mapping[str, float | None]
    regions: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None

    def parameter_lines(self, circuit: Circuit) -> list[str]:
        """`name = value` with an SI prefix, in the circuit's order."""
        return [
            f"{variable.name} = "
            + format_quantity(rounded(self.values[variable.name], _DIGITS), variable.unit)
            for variable in circuit.variables
            if variable.name in self.values
        ]

    def metric_lines(self, circuit: Circuit) -> list[str]:
        """`name = value unit`, every metric of the circuit."""
        return [
            f"{metric.name} = {show_metric(self.metrics.get(metric.name), metric.unit)}"
            for metric in circuit.metrics
        ]

    def failed_specs(self, circuit: Circuit, specs: Sequence[Spec]) -> list[str]:
        """The specs that this design misses, with their thresholds."""
        return [
            show_spec(spec, circuit)
            for spec in specs
            if not spec.met(self.metrics.get(spec.metric))
        ]

    def unsaturated(self) -> list[str]:
        """Every device that is not in saturation, with its region."""
        return [
            f"{device} ({region})"
            for device, region in self.regions.items()
            if region != "saturation"
        ]


def show_metric(value: float | None, unit: str) -> str:
    """A metric's value for a reader, or that there is none."""
    return NOT_MEASURED if value is None else show_quantity(value, unit, _DIGITS)


def show_spec(spec: Spec, circuit: Circuit) -> str:
    """`metric > threshold`, the threshold with every digit that the objective uses."""
    unit = circuit.metric(spec.metric).unit
    return f"{spec.metric} {spec.direction.value} {show_quantity(spec.threshold, unit, 15)}"
