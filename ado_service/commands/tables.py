"""Tables that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from circuits.definition import Circuit
from circuits.spec import Spec
from circuits.units import show_quantity
from simulators.result import DevicePoint


def spec_table(
    circuit: Circuit, specs: Sequence[Spec], metrics: Mapping[str, float | None]
) -> Table:
    """Each spec beside what the design reaches."""
    table = Table("spec", "wanted", "reached", "", title="Specs", title_justify="left")
    for spec in specs:
        unit = circuit.metric(spec.metric).unit
        value = metrics.get(spec.metric)
        shown = "not measured" if value is None else show_quantity(value, unit)
        wanted = f"{spec.direction.value} {show_quantity(spec.threshold, unit)}"
        mark = "[green]✓ met[/]" if spec.met(value) else "[red]✗ missed[/]"
        table.add_row(spec.metric, wanted, shown, mark)
    return table


def size_table(circuit: Circuit, values: Mapping[str, float]) -> Table:
    """The sizes, with what each is for."""
    table = Table("variable", "value", "role", title="Sizes", title_justify="left")
    for variable in circuit.variables:
        table.add_row(
            variable.name, show_quantity(values[variable.name], variable.unit), variable.role
        )
    return table


def device_table(devices: Mapping[str, DevicePoint]) -> Table:
    """Operating points of the MOS devices."""
    table = Table("device", "region", "Id", "gm", "Vgs", "Vds", "Vdsat", title="Operating points")
    for name, point in devices.items():
        table.add_row(
            name,
            point.region.value,
            show_quantity(point.id, "A"),
            show_quantity(point.gm, "S"),
            show_quantity(point.vgs, "V"),
            show_quantity(point.vds, "V"),
            show_quantity(point.vdsat, "V"),
        )
    return table
